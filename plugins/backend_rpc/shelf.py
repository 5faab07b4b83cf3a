"""The shelf: outcomes that have arrived, by task id, and who waits for which. From any thread."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from threading import Condition

from kernelq.contracts import Outcome, accepts

SWEEP_EVERY = 10.0
"""Seconds between two looks for what has outlived its time, made when something arrives."""


class Shelf:
    """Keeps an outcome for its `ttl`, at most `lasts` seconds (None: for ever)."""

    def __init__(self, lasts: float | None) -> None:
        self.news = Condition()
        self._lasts = lasts
        self._kept: dict[str, tuple[Outcome, float]] = {}  # by task id; with the instant it ends, monotonic
        self._changed: dict[str, list[dict[str, None]]] = {}  # by task id: what has changed, for each who waits
        self._sweep_at = 0.0

    def put(self, outcome: Outcome) -> None:
        """Keep an outcome, if the rule of backends lets it replace what is there, and tell who waits."""
        now = time.monotonic()
        with self.news:
            if not accepts(self._get(outcome.id, now), outcome):
                return
            lasts = min((each for each in (outcome.ttl, self._lasts) if each), default=float("inf"))
            self._kept[outcome.id] = (outcome, now + lasts)
            for changed in self._changed.get(outcome.id, ()):
                changed[outcome.id] = None
            self.news.notify_all()
            if now >= self._sweep_at:
                self._sweep(now)

    def get_many(self, ids: Iterable[str]) -> dict[str, Outcome]:
        """What is here of these tasks."""
        now = time.monotonic()
        with self.news:
            found = {id: self._get(id, now) for id in ids}
        return {id: outcome for id, outcome in found.items() if outcome is not None}

    def drop(self, ids: Iterable[str]) -> None:
        """Forget these."""
        with self.news:
            for id in ids:
                self._kept.pop(id, None)

    def sweep(self) -> int:
        """Forget what has outlived its time; return how many."""
        with self.news:
            return self._sweep(time.monotonic())

    def follow(self, ids: Collection[str]) -> dict[str, None]:
        """From now on the ids of what changes are put into the mapping returned; those that are here already are in it."""
        with self.news:
            changed = {id: None for id in ids if id in self._kept}
            for id in set(ids):
                self._changed.setdefault(id, []).append(changed)
            return changed

    def unfollow(self, ids: Collection[str], changed: dict[str, None]) -> None:
        """No more."""
        with self.news:
            for id in set(ids):
                rest = [each for each in self._changed.pop(id, ()) if each is not changed]
                if rest:
                    self._changed[id] = rest

    def _get(self, id: str, now: float) -> Outcome | None:
        outcome, ends_at = self._kept.get(id, (None, 0.0))
        return outcome if now < ends_at else None

    def _sweep(self, now: float) -> int:
        self._sweep_at = now + SWEEP_EVERY
        outlived = [id for id, (_, ends_at) in self._kept.items() if ends_at <= now]
        for id in outlived:
            del self._kept[id]
        return len(outlived)
