"""What the memory store needs of the engine it shares with the broker, whoever provides it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition
from typing import Protocol, TypeVar

T = TypeVar("T")


class SharedMemory(Protocol):
    """What the engine of family ``memory`` offers beside `Engine`."""

    condition: Condition
    """Guards all data; re-entrant, and read anew at each use."""
    now: Callable[[], float]
    """The clock of lifetimes, UTC epoch seconds."""

    def space(self, name: str, make: Callable[[], T]) -> T:
        """The data of one driver, made at its first use; called with `condition` held."""
