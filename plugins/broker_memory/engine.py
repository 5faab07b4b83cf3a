"""The memory engine: one lock, one clock and the drivers' data, for as long as the app lives."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition
from typing import Any, ClassVar, TypeVar

from kernelq.contracts import Engine, mask

T = TypeVar("T")


class MemoryEngine(Engine):
    """What the memory drivers of one app share; ``memory://`` or, for a second one, ``memory://name``.

    `condition` guards all data and is notified of every change; re-entrant. `now` is the clock of etas,
    leases and lifetimes (UTC epoch seconds); tests set it. Both are read anew at each use.
    """

    family: ClassVar[str] = "memory"

    def __init__(self, url: str, *, now: Callable[[], float] = time.time) -> None:
        self.url = url
        self.now = now
        self.condition = Condition()
        self._spaces: dict[str, Any] = {}

    @classmethod
    def canonical(cls, url: str) -> str:
        return mask("memory://" + url.partition("://")[2].rstrip("/"))

    def space(self, name: str, make: Callable[[], T]) -> T:
        """The data of the driver `name`, made by `make` at its first use. Called with `condition` held."""
        found = self._spaces.get(name)
        if found is None:
            found = self._spaces[name] = make()
        data: T = found
        return data

    def close(self) -> None:
        """Nothing: there are no connections, and the data stays."""

    def forget_connections(self) -> None:
        """Begin empty in a forked child: a copy of what waits would be run once by each process.

        The lock is new too, for another thread of the parent may have held it at the fork.
        """
        self.condition = Condition()
        self._spaces = {}
