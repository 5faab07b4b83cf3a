"""A workflow as a tree of text, for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .folding import Fold, folded
from .plan import Chain, Chord, Group, Node, Task
from .workflow import Standing, Workflow

FORK, LAST, DOWN, GAP = "├─ ", "└─ ", "│  ", "   "

PLAIN = str.maketrans({"├": "|", "└": "`", "─": "-", "│": "|", "…": "...", "×": "x", "→": "->"})
"""What stands for our signs where an encoding lacks them."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: branches, what it is, and how a task stands, with its id if it is one task alone."""

    branches: str
    label: str
    standing: Standing | None = None
    id: str = ""

    def __str__(self) -> str:
        parts = [self.branches + self.label, "" if self.standing is None else str(self.standing), self.id]
        return "  ".join(part for part in parts if part)


def as_text(workflow: Workflow, encoding: str = "utf-8") -> str:
    """The tree, a line a task, with nothing that the encoding lacks."""
    return "\n".join(encodable(str(line), encoding) for line in lines(workflow))


def encodable(text: str, encoding: str) -> str:
    """The text with what the encoding lacks replaced; none of it can steer a terminal."""
    text = "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    return text


def summary(workflow: Workflow) -> str:
    """How it stands on the whole."""
    failed = len(workflow.failed)
    return f"{workflow.completed:,} of {workflow.total:,} done" + (f", {failed:,} failed" if failed else "")


def lines(workflow: Workflow) -> Iterator[Line]:
    """The tree, line by line, the head with the id of its result first."""
    yield Line("", f"workflow {workflow.id}: {summary(workflow)}")
    yield from _node(workflow, workflow.plan.root, "", "", "")


def _node(workflow: Workflow, node: Node | Fold, first: str, rest: str, role: str) -> Iterator[Line]:
    """`first` stands before its own line, `rest` before those below it; `role` says what it is to the node above."""
    if isinstance(node, Fold):
        standing = workflow[node.sample.id] if isinstance(node.sample, Task) else None
        yield Line(first, role + node.label, standing)
    elif isinstance(node, Task):
        yield Line(first, role + node.name, workflow[node.id], node.id)
    else:
        yield Line(first, role + _title(node))
        parts = _parts(workflow, node)
        for place, (part, its_role) in enumerate(parts, 1):
            is_last = place == len(parts)
            yield from _node(
                workflow, part, rest + (LAST if is_last else FORK), rest + (GAP if is_last else DOWN), its_role
            )


def _title(node: Chain | Group | Chord) -> str:
    name = "chain" if isinstance(node, Chain) else "group" if isinstance(node, Group) else "chord"
    return f"{name} of {len(node.of):,}"


def _parts(workflow: Workflow, node: Chain | Group | Chord) -> list[tuple[Node | Fold, str]]:
    """What is below it, each with its role."""
    members: Iterable[Node | Fold] = node.of if isinstance(node, Chain) else folded(workflow, node.of)
    parts: list[tuple[Node | Fold, str]] = [(member, "") for member in members]
    if isinstance(node, Chord):
        parts.append((node.body, "then "))
    return parts
