"""The reading connections of one engine: lent to one thread at a time, a few kept open."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .sqlite_link import Link

_KEPT = 4
"""Connections kept open beyond those in use."""


class Readers:
    """Lends connections; opens one when none is idle. Thread-safe."""

    def __init__(self, open_link: Callable[[], Link]) -> None:
        self._open = open_link
        self._links: set[Link] = set()
        self._idle: list[Link] = []
        self._lent = 0
        self._is_retired = False
        self._state = threading.Condition()  # guards all of the above

    @contextmanager
    def one(self) -> Iterator[Link]:
        """A connection for this thread until the block ends."""
        with self._state:
            self._lent += 1
            link = self._idle.pop() if self._idle else None
        try:
            link = link or self._opened()
            yield link
        finally:
            self._take_back(link)

    def retire(self) -> None:
        """Close what is idle now, and what is lent when it comes back."""
        with self._state:
            self._is_retired = True
            self._close_idle()

    def hold(self, timeout: float) -> None:
        """Wait at most `timeout` seconds until none is lent, close all, and lend none until `release`."""
        self._state.acquire()
        self._state.wait_for(lambda: self._lent == 0, timeout)
        self._close_idle()

    def release(self) -> None:
        """Lend again. Called by the thread that called `hold`."""
        self._state.release()

    def bury(self) -> None:
        """In a forked child: leave all that is inherited as it is. Takes no lock, its holder may be gone."""
        for link in self._links:
            link.bury()

    def _opened(self) -> Link:
        link = self._open()
        self._links.add(link)
        return link

    def _take_back(self, link: Link | None) -> None:
        with self._state:
            self._lent -= 1
            if link is not None:
                self._idle.append(link)
            if self._is_retired or len(self._idle) > _KEPT:
                self._close_idle(keep=0 if self._is_retired else _KEPT)
            self._state.notify_all()

    def _close_idle(self, keep: int = 0) -> None:
        while len(self._idle) > keep:
            link = self._idle.pop()
            self._links.discard(link)
            link.close()
