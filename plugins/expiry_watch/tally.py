"""The tally: what a worker and its children know together of the expired messages of each task."""

from __future__ import annotations

import fcntl
import mmap
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

_NUMBERS: Final = 3
_ROW_BYTES: Final = 8 * _NUMBERS
_EXPIRED, _SUCCEEDED_AT, _WARNED_AT = range(_NUMBERS)


class Row:
    """One task's part of a tally. Used under `Tally.lock`."""

    __slots__ = ("_numbers",)

    def __init__(self, memory: memoryview) -> None:
        self._numbers = memory[:_ROW_BYTES].cast("d")

    def expired(self, succeeded_at: float) -> None:
        """Count one that expired; `succeeded_at` is what who counts knows of the last success, UTC seconds or 0."""
        self._numbers[_EXPIRED] += 1
        self._numbers[_SUCCEEDED_AT] = max(self._numbers[_SUCCEEDED_AT], succeeded_at)

    def may_warn(self, now: float, period: float) -> bool:
        """Whether the last warning is a period ago (seconds); if so this is the time of the next."""
        if self._numbers[_WARNED_AT] and now - self._numbers[_WARNED_AT] < period:
            return False
        self._numbers[_WARNED_AT] = now
        return True

    @property
    def expired_count(self) -> int:
        """How many expired so far."""
        return int(self._numbers[_EXPIRED])

    @property
    def succeeded_at(self) -> float | None:
        """When the last one succeeded, UTC seconds; None: none is known."""
        return self._numbers[_SUCCEEDED_AT] or None


class Tally:
    """A row for each task, in memory shared with the processes forked later.

    A task that is not in `names` gets a row of this process alone.
    """

    def __init__(self, names: Iterable[str]) -> None:
        # Imported here: an app that only publishes makes no tally.
        from tempfile import TemporaryFile

        names = list(names)
        shared = memoryview(mmap.mmap(-1, max(1, len(names)) * _ROW_BYTES))
        self._rows = {name: Row(shared[i * _ROW_BYTES :]) for i, name in enumerate(names)}
        self._threads = threading.Lock()
        self._file = TemporaryFile()  # noqa: SIM115  (its lock is what we want; children inherit it)
        weakref.finalize(self, self._file.close)

    def __getitem__(self, name: str) -> Row:
        try:
            return self._rows[name]
        except KeyError:
            return self._rows.setdefault(name, Row(memoryview(bytearray(_ROW_BYTES))))

    def items(self) -> list[tuple[str, Row]]:
        """Every task with its row."""
        return list(self._rows.items())

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other threads and processes out; a process that dies in here lets go of it."""
        with self._threads:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)
