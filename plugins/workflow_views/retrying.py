"""Running again what failed of a workflow, and going on from there.

The end of a task that failed keeps its message (``failed:<id>``). What came of the failure is undone before that is published
again: joins wait anew for their failed members, and the outcomes of all that did not succeed are dropped.

A note (``retrying:<id of the result>``) says from the first step to the last which tasks it is about: until it is gone, tasks without an
outcome may be such as an earlier call has not published, and are not taken for running. The messages stay kept until
they outlive their time: a task that fails again at once replaces its own, and dropping it after the publishing would drop that one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from kernelq.contracts import SUCCESS, Message, unpack
from msgspec.structs import replace

from .errors import MessageNotKept, UnknownWorkflow, WorkflowNotFinished
from .plan import chords_of, tasks_of
from .workflow import AT_ONCE, UPSTREAM, Workflow, find_own, store_of

if TYPE_CHECKING:
    from kernelq import KernelQ
    from kernelq.workflows import WorkflowStore

NOTE_TTL = 7 * 86_400.0
"""Seconds that the note of a call which was cut off is kept."""

SHOWN = 3
"""Ids that an error names."""


def retry_failed(app: KernelQ, id: str, now: Callable[[], float] = time.time) -> int:
    """Run again what failed of the finished workflow that has this id in it; how many tasks were started again.

    Raises:
        UnknownWorkflow: none is known.
        WorkflowNotFinished: a task has not ended, so that more may fail.
        MessageNotKept: what one of them was called with is not known any more; nothing was changed.
    """
    from kernelq.workflows import Drop, Keep, Reopen

    store, workflow = store_of(app), find_own(app, id)
    if store is None or workflow is None:
        raise UnknownWorkflow(id)
    note = f"retrying:{workflow.id}"
    begun = _begun(store, note)
    _check_finished(workflow, begun)
    undone = list(dict.fromkeys([*workflow.failed, *(id for id in begun if workflow[id].state != SUCCESS)]))
    if not undone:
        if begun:
            store.apply([Drop(key=note)])
        return 0
    messages = [_afresh(message, now()) for message in _messages(app, store, workflow, undone)]
    joins = [Reopen(join=chord.id) for chord in chords_of(workflow.plan.root)]
    fired = store.apply([Keep(key=note, value=msgspec.json.encode(undone), ttl=NOTE_TTL), *joins])
    # Before the publishing: an outcome of many retries would refuse that of a run which begins to count anew.
    for some in _pages(undone):
        app.backend.forget(some)
    messages = [*fired, *messages]  # a join that lacks nothing goes on by itself
    for some in _pages(messages):
        app.publisher.publish(some)
    store.apply([Drop(key=note)])
    return len(messages)


def _begun(store: WorkflowStore, note: str) -> list[str]:
    """What a call that was cut off was about; nothing, when there was none."""
    kept = store.kept([note]).get(note)
    return [] if kept is None else msgspec.json.decode(kept, type=list[str])


def _check_finished(workflow: Workflow, begun: Collection[str]) -> None:
    excused = frozenset(begun)
    unfinished = [id for id in workflow.unfinished if id not in excused]
    if unfinished:
        raise WorkflowNotFinished(
            f"the workflow {workflow.id} has not finished: {len(unfinished)} of {workflow.total} tasks have not ended "
            f"({_some(unfinished)}); wait for them, and try again"
        )


def _messages(app: KernelQ, store: WorkflowStore, workflow: Workflow, undone: Collection[str]) -> list[Message]:
    """The messages of those that were run or were to run, and not of those that only suffered from these."""
    kept = store.kept([f"failed:{id}" for id in undone])
    found: list[Message] = []
    lost: list[str] = []
    bodies = {task.id for chord in chords_of(workflow.plan.root) for task in tasks_of(chord.body)}
    for id in undone:
        message = unpack(kept[f"failed:{id}"]) if f"failed:{id}" in kept else None
        if isinstance(message, Message):
            found.append(message)
        elif message is not None or not _suffered(app, workflow, id, bodies):
            lost.append(id)
    if lost:
        raise MessageNotKept(
            f"{len(lost)} tasks of the workflow {workflow.id} cannot be run again, their messages are not kept any more: "
            f"{_some(lost)}; call it anew"
        )
    return found


def _suffered(app: KernelQ, workflow: Workflow, id: str, bodies: Collection[str]) -> bool:
    """Whether a task was never run, because one before it had failed."""
    standing = workflow[id]
    if standing.reason == UPSTREAM or not standing.is_ready:
        return True  # without an outcome: an earlier call has dropped it already
    if id not in bodies:
        return False
    error: Any = app.AsyncResult(id).result
    return type(error).__name__ == "ChordError"


def _afresh(message: Message, now: float) -> Message:
    """The message as at its first call, to be run now."""
    return replace(message, retries=0, eta=None, expires=None, sent_at=now)


def _pages(things: list[Any]) -> Iterator[list[Any]]:
    return (things[start : start + AT_ONCE] for start in range(0, len(things), AT_ONCE))


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:SHOWN]) + (", …" if len(ids) > SHOWN else "")
