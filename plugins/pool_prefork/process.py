"""A child as its supervisor sees it: a process to watch, to signal, to kill with all it forked, to reap."""

from __future__ import annotations

import os
import signal

from .deadlines import Deadlines
from .page import Page, Run


class ChildProcess:
    """A running child, made after the fork."""

    def __init__(self, pid: int, *, index: int, consumer_id: str, page: Page) -> None:
        self.pid = pid
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

    def signal(self, number: int) -> None:
        """Send a signal to the child alone."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            pass  # ended and reaped by somebody else; `reap` will notice

    def kill(self) -> None:
        """End it at once, with everything its tasks have forked."""
        self.is_killed = True
        self._kill_group()
        self.signal(signal.SIGKILL)  # it may not have got as far as having a group

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

    def close(self) -> None:
        """Give back what was kept of it."""
        self.page.close()
        if self.sentinel is not None:
            os.close(self.sentinel)

    def _kill_group(self) -> None:
        # The group keeps its number as long as one member lives, so this cannot hit a stranger's.
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # nobody left; or none that we may kill

    def __str__(self) -> str:
        return f"child {self.index} (pid {self.pid})"


def describe_end(code: int) -> str:
    """In words: ``signal 9 (SIGKILL)`` or ``exit code 3``."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"signal {-code}"


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None  # not Linux, an old kernel, or too many files open: the regular look notices the end
