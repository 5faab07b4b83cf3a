"""Running again what failed of a workflow, and going on from there.

The end of a task that did not succeed keeps its message (``failed:<id>``). What came of that end is undone before the message is
published again: joins wait anew for their failed members, and the outcomes of all that did not succeed are dropped.

A note (``retrying:<id of the result>``) says from the first step to the last which tasks it is about: until it is gone, tasks without an
outcome may be such as an earlier call has not published, and are not taken for running. The messages stay kept until they outlive their
time, marked as published: dropping one behind its publishing could drop that of a task which has failed again already.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from kernelq.contracts import SUCCESS, Message, pack, unpack
from msgspec.structs import replace

from .causes import unexplained
from .errors import MessageNotKept, UnknownWorkflow, WorkflowNotFinished
from .plan import groups_of
from .workflow import AT_ONCE, Workflow, find_own, store_of

if TYPE_CHECKING:
    from kernelq import KernelQ
    from kernelq.workflows import WorkflowStore

NOTE_TTL = 7 * 86_400.0
"""Seconds that the note of a call which was cut off is kept."""

AGAIN = b"!"
"""What the kept message of a task begins with that was run again and has not failed since."""

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
    begun = frozenset(_begun(store, note))
    messages = _messages(store, workflow, begun)
    undone = [id for id in workflow.tasks if id in messages or id in begun or workflow[id].is_ready]
    undone = [id for id in undone if workflow[id].state != SUCCESS]
    _check_finished(workflow, undone)
    _check_explained(store, workflow, undone, messages)
    if undone:
        reopened = [Reopen(join=group.id) for group in groups_of(workflow.plan.root)]
        afresh = [replace(each, retries=0, eta=None, expires=None, sent_at=now()) for each in messages.values()]
        ttl = app.conf.result_expires or None
        marks = [Keep(key=f"failed:{each.id}", value=AGAIN + pack(each), ttl=ttl) for each in afresh]
        fired: list[Message] = []
        for ops in _pages([Keep(key=note, value=msgspec.json.encode(undone), ttl=NOTE_TTL), *reopened, *marks]):
            fired += store.apply(ops)
        # Before the publishing: an outcome of many retries would refuse that of a run which begins to count anew.
        for ids in _pages(undone):
            app.backend.forget(ids)
        started = [*fired, *afresh]  # a join that lacks nothing goes on by itself
        for some in _pages(started):
            app.publisher.publish(some)
    if undone or begun:
        store.apply([Drop(key=note)])
    return len(started) if undone else 0


def _begun(store: WorkflowStore, note: str) -> list[str]:
    """What a call that was cut off was about; nothing, when there was none."""
    kept = store.kept([note]).get(note)
    return [] if kept is None else msgspec.json.decode(kept, type=list[str])


def _messages(store: WorkflowStore, workflow: Workflow, begun: Collection[str]) -> dict[str, Message]:
    """By id, the messages of the tasks that ended without success, or are to be run again by a call that was cut off.

    Some of these have no outcome: their tasks keep none, or said that their end is to be ignored.
    """
    found: dict[str, Message] = {}
    asked = [id for id in workflow.tasks if workflow[id].state != SUCCESS]
    kept = store.kept([f"failed:{id}" for id in asked]) if asked else {}
    for id in asked:
        blob = kept.get(f"failed:{id}", AGAIN)
        if blob.startswith(AGAIN) and id not in begun:
            continue
        message = unpack(blob.removeprefix(AGAIN))
        if isinstance(message, Message):
            found[id] = message
    return found


def _check_finished(workflow: Workflow, undone: Collection[str]) -> None:
    ended = frozenset(undone)
    running = [id for id in workflow.unfinished if id not in ended]
    if running:
        raise WorkflowNotFinished(
            f"the workflow {workflow.id} has not finished: {len(running)} of {workflow.total} tasks have not ended "
            f"({_some(running)}); wait for them, and try again"
        )


def _check_explained(
    store: WorkflowStore, workflow: Workflow, undone: Collection[str], messages: Collection[str]
) -> None:
    lost = unexplained(store, workflow, frozenset(undone), messages)
    if lost:
        raise MessageNotKept(
            f"{len(lost)} tasks of the workflow {workflow.id} cannot be run again, for their messages, or those of what was run in their "
            f"place, are not known: {_some(lost)}; call it anew"
        )


def _pages(things: list[Any]) -> Iterator[list[Any]]:
    return (things[start : start + AT_ONCE] for start in range(0, len(things), AT_ONCE))


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:SHOWN]) + (", …" if len(ids) > SHOWN else "")
