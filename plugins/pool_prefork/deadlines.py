"""Time limits of one child: which one is due, and when the next one will be."""

from __future__ import annotations

import enum
from math import inf
from typing import Final

from .page import Run

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at what the children run. A limit shorter than this needs the doorbell to be met in time."""


class Due(enum.Enum):
    """What a run has coming to it now."""

    NOTHING = "nothing"
    SOFT = "soft"
    HARD = "hard"


class Deadlines:
    """Judges what one child runs, look by look. Instants are monotonic seconds."""

    def __init__(self) -> None:
        self._warned = 0  # the last run that was given its soft limit

    def judge(self, run: Run | None, now: float) -> Due:
        """What is due. A soft limit comes once per run, and before the hard one when both have passed."""
        if run is None:
            return Due.NOTHING
        if now >= self._soft_at(run):
            self._warned = run.number
            return Due.SOFT
        return Due.HARD if now >= _hard_at(run) else Due.NOTHING

    def next(self, run: Run | None) -> float:
        """When `judge` will next have something to say of this run; infinity when never."""
        return inf if run is None else min(self._soft_at(run), _hard_at(run))

    def _soft_at(self, run: Run) -> float:
        if run.soft is None or run.number == self._warned:
            return inf
        return run.started_at + run.soft


def _hard_at(run: Run) -> float:
    return inf if run.hard is None else run.started_at + run.hard
