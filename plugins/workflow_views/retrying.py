"""Running again what failed of a workflow, and going on from there.

The end of a task that did not succeed keeps its message (``failed:<id>``). What came of that end is undone before the message is
published again: joins wait anew for their failed members, and the outcomes of all that did not succeed are dropped.

A note (``retrying:<id of the result>``) says from the first step to the last what is being done, so that a call which was cut off
can be finished: all over again while nothing can have been published, then by publishing what has not ended. The messages stay
kept until they outlive their time, marked as run again: dropping one behind its publishing could drop that of a task which has failed
once more already.
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
from .workflow import AT_ONCE, Workflow, find_own, read, store_of

if TYPE_CHECKING:
    from kernelq import KernelQ
    from kernelq.workflows import Keep, WorkflowStore

NOTE_TTL = 7 * 86_400.0
"""Seconds that the note of a call which was cut off is kept."""

AGAIN = b"!"
"""What the kept message of a task begins with that was run again and has not failed since."""

SHOWN = 3
"""Ids that an error names."""


class Note(msgspec.Struct, frozen=True):
    """What a call is about; kept while it is at it."""

    undone: list[str]
    """The ids of all tasks that did not succeed."""
    started: list[str]
    """Of these, the ones whose messages are published; the others wait for them."""
    is_undone: bool = False
    """Whether nothing is left but to publish; some may be published already."""


def retry_failed(app: KernelQ, id: str, now: Callable[[], float] = time.time) -> int:
    """Run again what failed of the finished workflow that has this id in it; how many tasks were started again.

    Raises:
        UnknownWorkflow: none is known.
        WorkflowNotFinished: a task has not ended, so that more may fail.
        MessageNotKept: what one of them was called with is not known any more; nothing was changed.
    """
    store, workflow = store_of(app), find_own(app, id)
    if store is None or workflow is None:
        raise UnknownWorkflow(id)
    key = f"retrying:{workflow.id}"
    begun = store.kept([key]).get(key)
    if begun is not None:
        count = _start_again(app, store, workflow, key, msgspec.json.decode(begun, type=Note), now())
        if count:
            return count
        workflow = read(app, workflow.plan)
    failed = _failed(store, workflow)
    undone = [id for id in workflow.tasks if id in failed or (workflow[id].is_ready and workflow[id].state != SUCCESS)]
    _check_finished(workflow, undone)
    _check_explained(store, workflow, undone, failed)
    return _start_again(app, store, workflow, key, Note(undone, failed), now()) if undone else 0


def _start_again(app: KernelQ, store: WorkflowStore, workflow: Workflow, key: str, note: Note, now: float) -> int:
    """Do what the note says, from wherever an earlier call has come to; how many messages were published."""
    from kernelq.workflows import Drop, Keep, Reopen

    due = [
        id for id in note.started if not (workflow[id].is_ready if note.is_undone else workflow[id].state == SUCCESS)
    ]
    afresh = [
        replace(message, retries=0, eta=None, expires=None, sent_at=now)
        for _, message, is_marked in _kept(store, due)
        if is_marked or not note.is_undone  # else it has failed once more, which is for the next call
    ]
    fired: list[Message] = []
    if not note.is_undone:
        reopened = [Reopen(join=group.id) for group in groups_of(workflow.plan.root)]
        ttl = app.conf.result_expires or None
        marks = [Keep(key=f"failed:{each.id}", value=AGAIN + pack(each), ttl=ttl) for each in afresh]
        for ops in _pages([_noted(key, note), *reopened, *marks]):
            fired += store.apply(ops)
        # Before the publishing: an outcome of many retries would refuse that of a run which begins to count anew.
        for ids in _pages(note.undone):
            app.backend.forget(ids)
            if app.broker.capabilities.revoking:
                app.broker.revoke(ids, 0.0)  # those that were revoked are wanted again: a mark that ends at once
        store.apply([_noted(key, replace(note, is_undone=True))])
    messages = [*fired, *afresh]  # a join that lacks nothing goes on by itself
    for some in _pages(messages):
        app.publisher.publish(some)
    store.apply([Drop(key=key)])
    return len(messages)


def _noted(key: str, note: Note) -> Keep:
    from kernelq.workflows import Keep

    return Keep(key=key, value=msgspec.json.encode(note), ttl=NOTE_TTL)


def _failed(store: WorkflowStore, workflow: Workflow) -> list[str]:
    """The ids of the tasks that ended without success by themselves, since they were last run again.

    Some of these have no outcome: their tasks keep none, or said that their end is to be ignored.
    """
    asked = [id for id in workflow.tasks if workflow[id].state != SUCCESS]
    return [id for id, _, is_marked in _kept(store, asked) if not is_marked]


def _kept(store: WorkflowStore, ids: Collection[str]) -> Iterator[tuple[str, Message, bool]]:
    """(id, message, whether it was run again and has not failed since) of those whose message is kept."""
    kept = store.kept([f"failed:{id}" for id in ids]) if ids else {}
    for id in ids:
        blob = kept.get(f"failed:{id}", b"")
        message = unpack(blob.removeprefix(AGAIN))
        if isinstance(message, Message):
            yield id, message, blob.startswith(AGAIN)


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
            f"{len(lost)} of {workflow.total} tasks of the workflow {workflow.id} cannot be run again, for their messages, or those of what "
            f"was run in their place or added to their chord, are not known: {_some(lost)}; call it anew"
        )


def _pages(things: list[Any]) -> Iterator[list[Any]]:
    return (things[start : start + AT_ONCE] for start in range(0, len(things), AT_ONCE))


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:SHOWN]) + (", …" if len(ids) > SHOWN else "")
