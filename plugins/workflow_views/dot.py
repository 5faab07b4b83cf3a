"""A workflow in the language of Graphviz."""

from __future__ import annotations

import json

from .colours import PALE, kind_of
from .folding import Fold, folded
from .plan import Chain, Chord, Node, Task
from .workflow import Standing, Workflow


def as_dot(workflow: Workflow) -> str:
    """A box for each task, coloured by its state, and an arrow to what waits for it."""
    writer = _Writer(workflow)
    writer.add(workflow.plan.root)
    head = ["rankdir=TB;", 'node [shape=box, style="rounded,filled", fontname="sans-serif"];']
    return "\n".join([f"digraph {_quoted(workflow.id)} {{", *(f"  {line}" for line in (*head, *writer.lines)), "}"])


class _Writer:
    """Collects the lines; `add` gives the names of the boxes a part begins and ends with."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow
        self._count = 0
        self.lines: list[str] = []

    def add(self, node: Node | Fold) -> tuple[list[str], list[str]]:
        if isinstance(node, Fold):
            standing = self._workflow[node.sample.id] if isinstance(node.sample, Task) else None
            return self._box(f"fold {self._next()}", node.label, standing)
        if isinstance(node, Task):
            return self._box(node.id, node.name, self._workflow[node.id])
        if isinstance(node, Chain):
            return self._chain(node)
        members = [self.add(member) for member in folded(self._workflow, node.of)]
        starts = [start for first, _ in members for start in first]
        ends = [end for _, last in members for end in last]
        if not isinstance(node, Chord):
            return starts, ends
        # The join is a point of its own: all arrows of the header end there, and one goes on.
        join = f"join {node.id}"
        self.lines.append(f"{_quoted(join)} [shape=point, width=0.1];")
        self._arrows(ends, [join])
        body_starts, body_ends = self.add(node.body)
        self._arrows([join], body_starts)
        return starts or [join], body_ends

    def _chain(self, node: Chain) -> tuple[list[str], list[str]]:
        starts: list[str] = []
        ends: list[str] = []
        for step in node.of:
            first, last = self.add(step)
            if not first:
                continue  # an empty group
            if len(ends) > 1 and len(first) > 1:
                between = f"step {self._next()}"
                self.lines.append(f"{_quoted(between)} [shape=point, width=0.1];")
                self._arrows(ends, [between])
                ends = [between]
            self._arrows(ends, first)
            starts, ends = starts or first, last
        return starts, ends

    def _box(self, name: str, label: str, standing: Standing | None) -> tuple[list[str], list[str]]:
        text = label if standing is None else f"{label}\n{standing}"
        colour = PALE[kind_of(standing)]
        self.lines.append(f"{_quoted(name)} [label={_quoted(text)}, fillcolor={_quoted(colour)}];")
        return [name], [name]

    def _arrows(self, sources: list[str], targets: list[str]) -> None:
        self.lines += [f"{_quoted(source)} -> {_quoted(target)};" for source in sources for target in targets]

    def _next(self) -> int:
        self._count += 1
        return self._count


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
