"""Why tasks of a workflow did not succeed: by themselves, or because of something before them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from kernelq.contracts import SUCCESS

from .plan import Chain, Chord, Node, Task, tasks_of
from .workflow import UPSTREAM, Workflow

if TYPE_CHECKING:
    from kernelq.workflows import WorkflowStore


def unexplained(
    store: WorkflowStore, workflow: Workflow, undone: Collection[str], started: Collection[str]
) -> list[str]:
    """Of the tasks that are `undone`, those that would not come to run when the ones in `started` run again."""
    search = _Search(store, workflow, undone, started)
    search.walk(workflow.plan.root, is_due=False)
    return search.lost


class _Search:
    """`walk` tells whether something within a part starts again, and so all that waits for that part."""

    def __init__(
        self, store: WorkflowStore, workflow: Workflow, undone: Collection[str], started: Collection[str]
    ) -> None:
        self._store = store
        self._workflow = workflow
        self._undone = undone
        self._started = started
        self.lost: list[str] = []

    def walk(self, node: Node, *, is_due: bool) -> bool:
        """`is_due`: what it waits for starts again."""
        if isinstance(node, Task):
            return self._task(node.id, is_due)
        if isinstance(node, Chain):
            begins = False
            for step in node.of:
                begins = self.walk(step, is_due=is_due or begins) or begins
            return begins
        begins = False
        for member in node.of:
            begins = self.walk(member, is_due=is_due) or begins
        if isinstance(node, Chord):
            begins = begins or self._fires(node)
            begins = self.walk(node.body, is_due=is_due or begins) or begins
        return begins

    def _task(self, id: str, is_due: bool) -> bool:
        if id in self._started:
            return True
        standing = self._workflow[id]
        suffered = standing.reason == UPSTREAM or not standing.is_ready
        if id in self._undone and not (is_due and suffered):
            self.lost.append(id)
        return False

    def _fires(self, chord: Chord) -> bool:
        """Whether the join lacks nothing, and failed by itself: it fires when it is opened again."""
        if not any(task.id in self._undone for task in tasks_of(chord.body)):
            return False
        if any(self._workflow[task.id].state != SUCCESS for member in chord.of for task in tasks_of(member)):
            return False
        join = self._store.join(chord.id)
        return join is not None and join.failed is None
