"""Wake-ups where the server cannot push: bells of this process at once, those of others by looking.

A bell that only looks does so ever less often, until something is found.
"""

from __future__ import annotations

from queue import Empty, SimpleQueue
from weakref import WeakValueDictionary

_PAUSES = (0.02, 0.5)
"""Seconds between two looks: the first and the longest. Each idle lane makes two statements a second."""


class PacedBell:
    """See `Wakeup`. A `SimpleQueue` and not an `Event`: an OS signal handler may ring while this thread is inside."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self._calls: SimpleQueue[None] = SimpleQueue()
        self._pause = _PAUSES[0]

    def wait(self, timeout: float) -> bool:
        try:
            self._calls.get(timeout=min(self._pause, timeout))
        except Empty:
            self._pause = min(self._pause * 1.5, _PAUSES[1])
            return True  # nobody told, so anything may have changed
        while not self._calls.empty():
            self._calls.get()
        return True

    def found(self) -> None:
        self._pause = _PAUSES[0]

    def ring(self) -> None:
        if self._calls.empty():
            self._calls.put(None)

    def close(self) -> None:
        """Nothing is held."""


class Bells:
    """The bells of this process. Thread-safe."""

    def __init__(self) -> None:
        self._bells: WeakValueDictionary[int, PacedBell] = WeakValueDictionary()  # by their identity

    def bell(self, channel: str) -> PacedBell:
        """A new one."""
        made = PacedBell(channel)
        self._bells[id(made)] = made
        return made

    def ring(self, channel: str) -> None:
        """Ring all of one channel."""
        for known in self._bells.valuerefs():  # a list made in one step under the GIL, while others make bells
            bell = known()
            if bell is not None and bell.channel == channel:
                bell.ring()
