"""The tracker: writes what a lane runs onto its page, and says when the child has done its share."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import Any

from kernelq.contracts import Delivery

from .deadlines import LOOK_EVERY
from .doorbell import Doorbell
from .memory import resident_kib
from .page import Farewell, Page


class PageTracker:
    """Implements `kernelq.pools.Tracker`; on the way of every task, so it does as little as it can.

    `retire` is called with the reason once the child has run `max_tasks` tasks or is larger than
    `max_memory` KiB; None is no limit.
    """

    def __init__(
        self,
        page: Page,
        doorbell: Doorbell,
        *,
        retire: Callable[[Farewell], None],
        max_tasks: int | None,
        max_memory: int | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._page = page
        self._doorbell = doorbell
        self._retire = retire
        self._max_tasks = max_tasks
        self._max_memory = max_memory
        self._now = now
        self._done = 0

    def started(self, delivery: Delivery, soft: float | None, hard: float | None, *, acked: bool) -> None:
        message: Any = delivery.message
        self._page.begin(message.key, message.task, self._now(), soft, hard, acked=acked)
        # A longer limit is seen in time by the supervisor's regular look, and costs no system call.
        if (soft or hard) and min(soft or inf, hard or inf) < LOOK_EVERY:
            self._doorbell.ring()

    def finished(self) -> None:
        self._page.end()
        # Counted here, not where attempts are settled: those come in batches, and the count is to be exact.
        self._done += 1
        if self._done == self._max_tasks:
            self._retire(Farewell.TASKS)

    def settled(self, done: int) -> None:
        if self._max_memory is not None and resident_kib() > self._max_memory:
            self._retire(Farewell.MEMORY)
