"""A child as its supervisor sees it: a process to watch, to signal, to kill with all it forked, to reap."""

from __future__ import annotations

import os
import signal
from typing import Final

from .deadlines import Deadlines
from .page import Page, Run

TRIAL: Final = 1.0
"""Seconds from its fork after which the end of a child that consumed is not put down to its start."""


class ChildProcess:
    """A running child, made after the fork."""

    def __init__(self, pid: int, *, index: int, consumer_id: str, page: Page, born_at: float) -> None:
        self.pid = pid
        self.born_at = born_at
        self.index = index
        self.consumer_id = consumer_id
        self.page = page
        self.deadlines = Deadlines()
        self.is_ready = False
        """Whether its readiness was told to the host."""
        self.is_killed = False
        self.overdue: Run | None = None
        """The run it was killed for."""
        self.sentinel = _pidfd(pid)
        """Readable once the process has ended; None where there is no such thing."""

    def send(self, number: int) -> None:
        """Send a signal to the child alone."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            pass  # ended and reaped by somebody else; `reap` will notice

    def kill(self) -> None:
        """End it at once, with everything its tasks have forked."""
        self.is_killed = True
        self._kill_group()
        self.send(signal.SIGKILL)  # it may not have got as far as having a group

    def reap(self, *, wait: bool = False) -> int | None:
        """How it ended: exit code, or minus the signal; None while it lives. What it forked is killed then."""
        try:
            pid, status = os.waitpid(self.pid, 0 if wait else os.WNOHANG)
        except ChildProcessError:
            return 1  # somebody else reaped it, so nobody can say
        if pid == 0:
            return None
        self._kill_group()
        return os.waitstatus_to_exitcode(status)

    def has_proved_itself(self, now: float) -> bool:
        """Whether it did some work, or was ready for it for a while: its end is no sign that no child can live."""
        return self.page.has_run or self.is_killed or (self.page.is_ready and now - self.born_at >= TRIAL)

    def close(self) -> None:
        """Give back what was kept of it."""
        self.page.close()
        if self.sentinel is not None:
            os.close(self.sentinel)

    def _kill_group(self) -> None:
        # Not a stranger's: a group keeps its number while a member lives, and numbers come round only much later.
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # nobody left; or none that we may kill

    def __str__(self) -> str:
        return f"child {self.index} (pid {self.pid})"


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None  # not Linux, an old kernel, or too many files open: the regular look notices the end
