"""Many members of a group that are alike, as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .plan import Chord, Group, Node, Task
from .workflow import Workflow

MOST = 20
"""Members of a group that are alike and drawn each for itself; more than that are drawn as one."""

LONGEST = 60
"""Characters of what is said of one that is no single task."""


@dataclass(frozen=True, slots=True)
class Fold:
    """`count` members, each of which is as `sample`; `about` says what that is, without its state if it is a task."""

    count: int
    sample: Node
    about: str

    @property
    def label(self) -> str:
        """How many of what."""
        return f"… {self.count:,} × {self.about}"


def folded(workflow: Workflow, members: Sequence[Node]) -> list[Node | Fold]:
    """The members in their order, the many that are alike in the place of the first of them."""
    if len(members) <= MOST:
        return list(members)
    looks = [_look(workflow, member) for member in members]
    counts = Counter(looks)
    shown: list[Node | Fold] = []
    seen: set[str] = set()
    for member, look in zip(members, looks, strict=True):
        if counts[look] <= MOST:
            shown.append(member)
        elif look not in seen:
            seen.add(look)
            shown.append(Fold(counts[look], member, member.name if isinstance(member, Task) else _short(look)))
    return shown


def _look(workflow: Workflow, node: Node) -> str:
    """What it looks like: the same for all that are drawn alike."""
    if isinstance(node, Task):
        return f"{node.name} {workflow[node.id]}"
    parts = [_look(workflow, each) for each in node.of]
    if isinstance(node, Chord):
        return f"({' | '.join(parts)} → {_look(workflow, node.body)})"
    return f"({(' | ' if isinstance(node, Group) else ' → ').join(parts)})"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
