"""Fates: what becomes of the task that a child was running when it ended."""

from __future__ import annotations

import logging
import signal

from kernelq.pools import Fate

from .page import Run
from .process import ChildProcess

log = logging.getLogger("kernelq.worker")


def fates_of(child: ChildProcess, code: int) -> dict[str, Fate]:
    """Message key → fate of what `child`, ended with `code`, was running; empty when it was idle or not to blame."""
    run = child.page.run()
    if child.is_killed and code == -signal.SIGKILL:
        return _killed(child, run)
    end = describe_end(code)
    if run is None:
        log.warning("%s ended by %s while idle", child, end)
        return {}
    log.warning(
        "%s ended by %s while running %s; %s",
        child,
        end,
        run,
        "it was acknowledged before it ran, so it is not run again"
        if run.acked
        else "its message goes back, charged with one crash",
    )
    return {run.key: Fate(reason="crashed", detail=end, acked=run.acked)}


def describe_end(code: int) -> str:
    """An exit code, or minus a signal, in words: ``exit code 3``, ``signal 9 (SIGKILL)``."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"signal {-code}"


def _killed(child: ChildProcess, run: Run | None) -> dict[str, Fate]:
    if run is None:
        return {}
    # Between the look and the kill the overdue run may have ended: then this is the next one, not to blame.
    if child.overdue is not None and child.overdue.number == run.number:
        return {run.key: Fate(reason="timed_out", limit=run.hard, acked=run.acked)}
    if run.acked:
        # It has no queue to go back to, and must not end without a word.
        return {run.key: Fate(reason="crashed", detail="killed by a quick stop", acked=True)}
    return {}
