"""A slot: one place for a child; forks it, and waits longer and longer when children end at once."""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Set
from typing import Final

from kernelq.contracts import BrokerError
from kernelq.pools import PoolHost

from .child import Child, flush_streams
from .doorbell import Doorbell
from .lifeline import Lifeline
from .page import Page
from .process import ChildProcess

log = logging.getLogger("kernelq.worker")

FIRST_WAIT: Final = 0.1
LONGEST_WAIT: Final = 5.0
"""Seconds before a fork that follows failed ones; doubled each time. The first failure is made good at once."""


class Slot:
    """Place `index` of a prefork pool. Used by the supervisor's thread."""

    def __init__(self, host: PoolHost, index: int, *, doorbell: Doorbell, lifeline: Lifeline) -> None:
        self.index = index
        self.child: ChildProcess | None = None
        self.fork_at = 0.0
        """When a missing child may be forked; monotonic."""
        self._host = host
        self._doorbell = doorbell
        self._lifeline = lifeline
        self._failures = 0

    def fork(self, now: float) -> None:
        """Put a child here. When that fails it is logged, and `fork_at` says when to try again."""
        host = self._host
        host.app.plugins.notify("worker_before_create_process", app=host.app)
        consumer_id = host.new_consumer_id(self.index)
        page = Page()
        try:
            # Before the fork, so that the lease is looked after from its first moment on.
            host.keep(consumer_id)
            pid = self._fork(consumer_id, page)
        except (OSError, BrokerError) as error:
            host.drop(consumer_id)
            page.close()
            log.warning("cannot fork child %d: %s", self.index, error)
            self.note_failure(now, str(error))
            return
        self.child = ChildProcess(pid, index=self.index, consumer_id=consumer_id, page=page, born_at=now)
        log.debug("%s started", self.child)

    def empty(self) -> None:
        """Take the child out; it was reaped."""
        assert self.child is not None
        self.child.close()
        self.child = None

    def note_success(self) -> None:
        """The child did some work or ended as it was told to: the next one follows at once."""
        self._failures = 0
        self.fork_at = 0.0

    def note_failure(self, now: float, reason: str) -> None:
        """The child was of no use: the next one waits, longer each time in a row. The caller logged `reason`."""
        self._failures += 1
        wait = 0.0 if self._failures == 1 else min(FIRST_WAIT * 2 ** min(self._failures - 2, 10), LONGEST_WAIT)
        self.fork_at = now + wait
        if wait:
            log.error(
                "child %d failed to start %d times in a row (%s); trying again in %.1f s",
                self.index,
                self._failures,
                reason,
                wait,
            )

    def _fork(self, consumer_id: str, page: Page) -> int:
        child = Child(self._host, self.index, consumer_id, page=page, doorbell=self._doorbell, lifeline=self._lifeline)
        # What is in the streams' buffers now would be written by both.
        flush_streams()
        with self._host.hold_fork():
            pid, signal_mask = _fork_with_signals_blocked()
        if pid == 0:
            child.live(signal_mask)
        return pid


def _fork_with_signals_blocked() -> tuple[int, Set[int]]:
    """Fork; in the child every signal stays blocked, until it has handlers of its own. Returns pid and old mask."""
    signal_mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    pid = -1
    try:
        pid = _fork()
    finally:
        if pid != 0:
            signal.pthread_sigmask(signal.SIG_SETMASK, signal_mask)
    return pid, signal_mask


def _fork() -> int:
    with warnings.catch_warnings():
        # Python 3.12 warns that other threads may hold locks; `hold_fork` sees to it that none does.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()
