"""Waiting for outcomes in memory: woken by whoever stores one."""

from __future__ import annotations

import time
from collections.abc import Collection

from kernelq.contracts import Outcome, Watch

from .shared_memory import SharedMemory
from .shelf import Shelf, Subscription


class MemoryWatch(Watch):
    """A subscription to some tasks' outcomes; costs nothing while none of them changes."""

    def __init__(self, memory: SharedMemory, ids: Collection[str]) -> None:
        self._memory = memory
        self._subscription = Subscription(frozenset(ids))
        with memory.condition:
            self._shelf.subscribe(self._subscription)

    def changes(self, timeout: float) -> list[Outcome]:
        deadline = time.monotonic() + timeout
        with self._memory.condition:
            while True:
                outcomes = self._take()
                left = deadline - time.monotonic()
                if outcomes or left <= 0:
                    return outcomes
                self._memory.condition.wait(left)

    def close(self) -> None:
        with self._memory.condition:
            self._shelf.unsubscribe(self._subscription)

    @property
    def _shelf(self) -> Shelf:
        return self._memory.space("backend", Shelf)

    def _take(self) -> list[Outcome]:
        now = self._memory.now()
        outcomes = [self._shelf.get(task_id, now) for task_id in self._subscription.changed]
        self._subscription.changed.clear()
        return [outcome for outcome in outcomes if outcome is not None]
