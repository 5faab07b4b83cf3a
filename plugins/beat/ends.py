"""The ends of occurrences' tasks: plugins of their own, of workers that share a store of schedules."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from kernelq import Ignore, KernelQ, hookimpl
from kernelq.contracts import BackendUnavailable, Effect, Ending, Message, Verdict

from .contract import Ended, instant_of
from .finding import shared_store
from .sending import OCCURRENCE

if TYPE_CHECKING:
    from kernelq import Context

log = logging.getLogger("kernelq.beat")

NO_ENDS = (Verdict.REQUEUE, Verdict.PARK, Verdict.CRASHED)
"""It comes again."""


class Occurrence(NamedTuple):
    """What the header of a message says."""

    key: str
    instant: float
    is_watched: bool
    """Whether the store has it open until its end."""


def occurrence_of(message: Message) -> Occurrence | None:
    """Which occurrence a message is of that the store is told of; None of any other."""
    if not message.headers or OCCURRENCE not in message.headers:
        return None
    try:
        key, ticks, *more = message.headers[OCCURRENCE]
        return Occurrence(str(key), instant_of(int(ticks)), more == [True])
    except (TypeError, ValueError):
        return None  # a header of somebody else's


@hookimpl
def advance(app: KernelQ, ending: Ending) -> Sequence[Effect] | None:
    """Tell the store of the end of an occurrence's task, together with that end."""
    about = occurrence_of(ending.message)
    if about is None or ending.state == "RETRY" or ending.verdict in NO_ENDS:
        return None
    store = shared_store(app)
    return None if store is None else [Effect(store, Ended(key=about.key, instant=about.instant))]


class Seconds:
    """Leaves what was sent a second time, after its end: for workers whose broker is not on the store's engine.

    The store hears of an end before the broker does, and a message of its id that waits or runs keeps a second one out. So
    whatever a beat has sent twice, however long it was frozen in between, comes to a worker when the store knows.
    """

    @hookimpl(wrapper=True, tryfirst=True)  # nobody else is to prepare anything for what does not run
    def call_task(self, app: KernelQ, request: Context) -> Generator[None, Any, Any]:
        """Run an occurrence unless it has ended before."""
        message = request.message
        about = None if message is None or request.is_eager else occurrence_of(message)
        if about is not None and about.is_watched:
            try:
                store = shared_store(app)
                has_ended = store is not None and store.has_ended(about.key, about.instant)
            except BackendUnavailable as error:
                log.warning("%s runs though it may have run before: %s", request.id, error)
                has_ended = False
            if has_ended:
                raise Ignore(f"this occurrence of {about.key} was sent twice, and has ended before")
        return (yield)
