"""What becomes of a claim with the end of an attempt; and how it goes on with what takes the task's place."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from kernelq import KernelQ, KernelQError, hookimpl
from kernelq.contracts import RETRY, REVOKED, Effect, Message, Recorder, Verdict
from kernelq.errors import TaskRevokedError

from .contract import Keep, Op, Release
from .errors import Dropped
from .mark import HEADER, Mark, mark_of, unclaimed
from .parts import part_of
from .store import lock_store

if TYPE_CHECKING:
    from kernelq.contracts import Ending

log = logging.getLogger("kernelq.once")

UNCOMMITTED: Final = 60.0
"""Seconds after which a claim may be questioned whose message is part of the caller's own transaction."""

_handed = threading.local()


class Endings:
    """Hears how attempts end; a plugin of its own, so that who has no task that is queued once pays nothing."""

    @hookimpl
    def advance(self, app: KernelQ, ending: Ending) -> Sequence[Effect]:
        """Release the claim with the end of its task."""
        return effects_of(app, ending) if HEADER in ending.message.headers else ()


def hear(app: KernelQ) -> None:
    """Have claims released in this process. From any thread."""
    part_of(app, "endings", Endings)


def effects_of(app: KernelQ, ending: Ending) -> list[Effect]:
    """What the end of an attempt does to the claim of its message."""
    message = ending.message
    # Of one that has not claimed yet, an earlier run may have, whose process died.
    mark = mark_of(message) or unclaimed(message)
    if mark is None or (ending.request is not None and ending.request.is_eager):
        return []
    effects = []
    if isinstance(ending.value, Dropped):
        effects += _dropped(app, ending, ending.value)
    op = _op(app, ending, mark)
    if op is not None:
        try:
            effects.append(Effect(lock_store(app), op))
        except KernelQError:  # the end itself must be stored all the same
            log.exception("the claim of task %s[%s] on %s is left to itself", message.task, message.id, mark.key)
    return effects


def life_of(app: KernelQ, message: Message, mark: Mark) -> tuple[float, str]:
    """How long the claim of a published message lasts unquestioned, and the queue it depends on.

    An engine that cannot say from outside what it holds cannot be asked either; there time alone counts.
    """
    timeout = min(mark.timeout, UNCOMMITTED) if mark.session else mark.timeout
    if app.broker.capabilities.inventory:
        return timeout, message.queue
    return timeout + max(0.0, (message.eta or 0.0) - app.publisher.now()), ""


def taken_over(message: Message) -> Mark | None:
    """The mark of the task whose place this message takes, said on this thread just now."""
    marks: dict[str, Mark] = getattr(_handed, "marks", None) or {}
    return marks.pop(message.id, None)


def _op(app: KernelQ, ending: Ending, mark: Mark) -> Op | None:
    message = ending.message
    if mark.policy == "throttle" or ending.verdict in (Verdict.REQUEUE, Verdict.PARK, Verdict.CRASHED):
        return None
    if ending.state == RETRY:
        successor = getattr(ending.value, "sig", None)
        if not isinstance(successor, Message):
            return None
        return Keep(mark.key, message.id, *life_of(app, successor, mark))
    heir = next((each for each in _caused(ending) if each.id == message.id), None)
    if heir is not None:
        _handed.marks = {message.id: mark}
        return Keep(mark.key, message.id, *life_of(app, heir, mark))
    if mark.follows:
        # Whoever it took the place of is told by that when it is fetched, should that be later.
        return Keep(mark.key, message.id, mark.timeout)
    return Release(mark.key, message.id)


def _caused(ending: Ending) -> list[Message]:
    """Messages that a run which lets others take its place carries in its end."""
    caused = getattr(ending.value, "caused", None)
    return [each for each in caused if isinstance(each, Message)] if isinstance(caused, list) else []


def _dropped(app: KernelQ, ending: Ending, dropped: Dropped) -> list[Effect]:
    """The outcome of a task that another one of the same work keeps from running: nobody is to wait for it in vain."""
    hostname = None if ending.request is None else ending.request.hostname
    recorder = Recorder(app, hostname)
    error = TaskRevokedError(str(dropped))
    outcome = recorder.make(ending.message, ending.delivery.fence, REVOKED, error, dropped.reason)
    return list(recorder.effects(outcome))
