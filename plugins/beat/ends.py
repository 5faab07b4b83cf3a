"""The end of an occurrence's task."""

from __future__ import annotations

from typing import Any

from kernelq import KernelQ
from kernelq.contracts import Effect, Ending, Verdict

from .contract import Ended, instant_of
from .finding import shared_store

NO_ENDS = (Verdict.REQUEUE, Verdict.PARK, Verdict.CRASHED)
"""It comes again."""


def effects_of(app: KernelQ, ending: Ending, occurrence: Any) -> list[Effect] | None:
    """What the store is told, together with this end; None when it is none, or the store is not to be reached from here."""
    if ending.state == "RETRY" or ending.verdict in NO_ENDS:
        return None
    store = shared_store(app)
    try:
        key, ticks = occurrence
        ended = Ended(key=str(key), instant=instant_of(int(ticks)))
    except (TypeError, ValueError):
        return None  # a header of somebody else's
    return None if store is None else [Effect(store, ended)]
