"""Waiting until a file's times change: how processes of one machine wake each other.

`ring_file` is called after a commit. The times are used and not the contents, because opening and
closing the database file would drop SQLite's locks of this process (POSIX locks), and because the
write-ahead log is written a moment before its commit can be seen.
"""

from __future__ import annotations

import os
import threading
import time

from .contract import Wakeup

_PAUSES = (0.001, 0.05)
"""Seconds between two looks at the file: the first and the longest."""


def ring_file(path: str) -> None:
    """Wake everyone who waits for `path`. A file that is gone wakes nobody."""
    now = time.time_ns()
    try:
        # An explicit instant: the system's own has a grain of some ms, in which a look could miss one.
        os.utime(path, ns=(now, now))
    except PermissionError:
        _touch(path)  # only its owner may set an instant
    except OSError:
        pass  # waiters look by themselves now and then


def file_bell(path: str) -> Wakeup:
    """The best wake-up this system has for `path`."""
    try:
        from .inotify import InotifyBell

        return InotifyBell(path)
    except (ImportError, OSError, AttributeError):
        return PollingBell(path)  # no inotify here, or no instance of it left for this user


class PollingBell:
    """Looks at the file's times, ever less often: about 1 µs each time, no connection used."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._rung = threading.Event()
        self._seen = modified_ns(path)

    def wait(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        pause, longest = _PAUSES
        while True:
            if self._has_changed():
                return True
            rest = deadline - time.monotonic()
            if rest <= 0:
                return False
            if self._rung.wait(min(pause, rest)):
                self._rung.clear()
                return False
            pause = min(pause * 1.5, longest)

    def found(self) -> None:
        """Each wait looks often at first."""

    def ring(self) -> None:
        self._rung.set()

    def close(self) -> None:
        """Nothing is held."""

    def _has_changed(self) -> bool:
        current = modified_ns(self._path)
        changed = current != self._seen
        self._seen = current
        return changed


def modified_ns(path: str) -> int:
    """When the file was last changed, in ns; -1 when it is not there."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return -1


def _touch(path: str) -> None:
    try:
        os.utime(path)
    except OSError:
        pass  # waiters look by themselves now and then
