"""The ends of occurrences' tasks: a plugin of its own, of workers that share a store of schedules."""

from __future__ import annotations

from collections.abc import Sequence

from kernelq import KernelQ, hookimpl
from kernelq.contracts import Effect, Ending, Verdict

from .contract import Ended, instant_of
from .finding import shared_store
from .sending import OCCURRENCE

NO_ENDS = (Verdict.REQUEUE, Verdict.PARK, Verdict.CRASHED)
"""It comes again."""


@hookimpl
def advance(app: KernelQ, ending: Ending) -> Sequence[Effect] | None:
    """Tell the store of the end of an occurrence's task, together with that end."""
    headers = ending.message.headers
    if not headers or OCCURRENCE not in headers or ending.state == "RETRY" or ending.verdict in NO_ENDS:
        return None
    store = shared_store(app)
    try:
        key, ticks = headers[OCCURRENCE]
        ended = Ended(key=str(key), instant=instant_of(int(ticks)))
    except (TypeError, ValueError):
        return None  # a header of somebody else's
    return None if store is None else [Effect(store, ended)]
