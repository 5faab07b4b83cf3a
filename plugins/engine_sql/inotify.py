"""A wake-up by Linux's inotify: sleeps in the system until the file's times are set.

Source: inotify(7), eventfd(2).
"""

from __future__ import annotations

import ctypes
import math
import os
import select
import threading

_IN_ATTRIB = 0x4
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC  # IN_NONBLOCK and IN_CLOEXEC are these
_READ_BYTES = 4096
"""More than the few 16-byte events that one watch leaves unread: equal ones are merged."""

_libc = ctypes.CDLL(None, use_errno=True)


class InotifyBell:
    """Waits for `path` to be touched. `wait` is called by one thread, `ring` by any.

    Raises:
        OSError: this user has no inotify instance or watch left.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._watched: tuple[int, int] | None = None  # device and inode
        self._closing = threading.RLock()  # an OS signal handler may ring while this thread rings
        self._events = self._ring = -1
        self._events = _checked(_libc.inotify_init1(_FLAGS))
        try:
            self._ring = os.eventfd(0, _FLAGS)
            self._watch_current()
        except OSError:
            self.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._events, select.POLLIN)
        self._poll.register(self._ring, select.POLLIN)

    def wait(self, timeout: float) -> bool:
        try:
            if self._watch_current():
                return True  # another file lies there now: anything may have happened
        except OSError:
            pass  # it vanished this moment; the next wait looks again
        ready = {fd for fd, _ in self._poll.poll(math.ceil(timeout * 1000))}
        if self._ring in ready:
            os.eventfd_read(self._ring)
        if self._events in ready:
            os.read(self._events, _READ_BYTES)
        return self._events in ready

    def found(self) -> None:
        """It never only looks."""

    def ring(self) -> None:
        with self._closing:
            if self._events >= 0:
                os.eventfd_write(self._ring, 1)

    def close(self) -> None:
        with self._closing:
            # Forgotten before they are closed: an interrupt in between must not close them twice.
            open_fds, self._events, self._ring = (self._events, self._ring), -1, -1
            for fd in open_fds:
                if fd >= 0:
                    os.close(fd)

    def __del__(self) -> None:
        self.close()  # an owner lost with its broker closes nothing, and instances are few

    def _watch_current(self) -> bool:
        """Watch the file that lies at the path now; True when it is not the one watched so far."""
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return False
        if (status.st_dev, status.st_ino) == self._watched:
            return False
        _checked(_libc.inotify_add_watch(self._events, os.fsencode(self._path), _IN_ATTRIB))
        self._watched = (status.st_dev, status.st_ino)
        return True


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
