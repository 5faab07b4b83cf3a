"""Claims at run time: of messages that nobody admitted, for a worker published them itself, with the end of another task.

Such are later steps of chains, bodies of chords, tasks of a canvas that takes a task's place, callbacks, and calls by name from where
the task is not known. To claim while they are published would be too early: that they are published is not certain then.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

from kernelq import KernelQ, hookimpl
from kernelq.contracts import BackendUnavailable
from msgspec.structs import replace

from .claiming import claim_within
from .contract import Claim, Holder
from .ending import life_of
from .errors import AlreadyQueued, Refused, Superseded
from .mark import Mark, mark_for, mark_of, marked, stamp, unclaimed
from .rule import REPLACING, is_once
from .store import lock_store

if TYPE_CHECKING:
    from kernelq import Context, Task
    from kernelq.contracts import Ending, Message

    from .running import Renewal

BEHIND: Final = 1.0
"""Seconds a claim may outlive its task, at most, where both do not end in one step: this one's may have come before."""


class AtRun:
    """Claims for what comes to run without a claim; a part of its own, for who wraps the calls of tasks makes all of them slower."""

    def __init__(self, renewal: Renewal) -> None:
        self._renewal = renewal

    @hookimpl(wrapper=True, tryfirst=True)  # nobody else is to prepare anything for what does not run
    def call_task(self, app: KernelQ, task: Task[..., Any], request: Context) -> Generator[None, Any, Any]:
        """Claim its key, or end it: as the call of a client would have been refused."""
        message = request.message
        if message is not None and not request.is_eager and is_once(task) and mark_of(message) is None:
            mark = _mark(app, message, task)
            if not mark.unlock_before_run:  # that holds its key while it waits, which is over
                self._claim(app, task, message, mark)
        return (yield)

    @hookimpl
    def advance(self, ending: Ending) -> None:
        """A run that did not begin, for the store is away, is no end: the lane waits that out, and runs it again."""
        if isinstance(ending.value, _Away):
            raise ending.value.error

    def _claim(self, app: KernelQ, task: Task[..., Any], message: Message, mark: Mark) -> None:
        store = lock_store(app)
        ttl, queue = (mark.period, "") if mark.policy == "throttle" else life_of(app, message, mark)
        wanted = Claim(key=mark.key, token=message.id, task=message.task, ttl=ttl, queue=queue)
        is_apart = store.engine is None or store.engine is not app.broker.engine
        try:
            holder = claim_within(BEHIND if is_apart else 0.0, app, store, wanted)
            if holder is not None and holder.token == message.parent_id and not is_apart:
                holder = claim_within(BEHIND, app, store, wanted)  # one that was acknowledged before it ran
            follows = holder is not None and mark.policy in REPLACING and holder.since <= (message.sent_at or 0.0)
            if holder is not None and follows:
                [holder] = store.claim([replace(wanted, over=holder.token)])
        except BackendUnavailable as error:
            raise _Away(error) from error
        if holder is not None:
            raise _refusal(holder, mark)
        stamp(message, follows=follows)
        if mark.policy != "throttle":
            self._renewal.see_to(task, message, mark)


class _Away(BaseException):
    """The store of claims cannot be asked: not the task's failure, nor anything it could try again after."""

    def __init__(self, error: BackendUnavailable) -> None:
        self.error = error


def _mark(app: KernelQ, message: Message, task: Task[..., Any]) -> Mark:
    mark = unclaimed(message)
    if mark is None:
        mark = mark_for(app, message, task)
        # In place: this very message tells of its claim when it ends.
        message.headers.update(marked(message, mark).headers)
    return mark


def _refusal(holder: Holder, mark: Mark) -> Exception:
    if mark.policy in REPLACING:
        return Superseded(f"superseded by {holder.token}")
    if mark.graceful:
        return Refused(f"{mark.key} is held by task {holder.token}")
    return AlreadyQueued(max(holder.remaining, 0.0), holder.token, mark.key)
