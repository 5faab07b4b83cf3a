"""Marks: one file in memory in which a task says that it ran, and when; the same code for every peer.

The harness sees what has run without asking any store, and a mark costs a few tenths of a microsecond. A task that ran twice
has a count of 2, so nothing is done twice unseen. Three regions:

    SLOTS bytes         how often task i ran
    TIMED doubles       epoch seconds at which task i began (`mark_start`)
    TIMED doubles       epoch seconds at which task i was published (`mark_published`)
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from functools import cache
from pathlib import Path

PATH_VARIABLE = "BENCH_MARKS"
"""Environment variable that tells clients and workers where the file is."""

SLOTS = 1 << 21
"""Tasks of one measurement at most."""

TIMED = 1 << 16
"""Of these, those whose times can be told."""

WARM_UP = 1_500_000
"""Numbers of warm-up tasks begin here, past those that are measured."""

_BEGAN = SLOTS
_PUBLISHED = SLOTS + 8 * TIMED
_SIZE = SLOTS + 16 * TIMED


class Marks:
    """The harness's side; the file is made new in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "marks"
        self.path.write_bytes(bytes(_SIZE))
        self._memory = _map(str(self.path))

    def clear(self) -> None:
        """Forget everything."""
        self._memory[:] = bytes(_SIZE)

    def done(self, first: int, last: int) -> int:
        """How many of the tasks from `first` to before `last` have run."""
        return last - first - self._memory[first:last].count(0)

    def repeated(self, first: int, last: int) -> int:
        """How many of them ran more than once."""
        return self.done(first, last) - self._memory[first:last].count(1)

    def began(self, n: int) -> tuple[float, ...]:
        """When each of the first `n` tasks began; 0 for those that did not."""
        return struct.unpack_from(f"{n}d", self._memory, _BEGAN)

    def published(self, n: int) -> tuple[float, ...]:
        """When each of the first `n` tasks was about to be published."""
        return struct.unpack_from(f"{n}d", self._memory, _PUBLISHED)


def mark(i: int) -> None:
    """Say that task `i` ran; called inside the task. Two runs of one task at the very same moment may count as one."""
    memory = _own()
    memory[i] = min(memory[i] + 1, 255)


def mark_start(i: int) -> None:
    """Say that task `i` begins now."""
    struct.pack_into("d", _own(), _BEGAN + 8 * i, time.time())
    mark(i)


def mark_published(i: int) -> None:
    """Say that task `i` is published now."""
    struct.pack_into("d", _own(), _PUBLISHED + 8 * i, time.time())


@cache
def _own() -> mmap.mmap:
    # Opened by the first mark of each process, so it is right under fork and under spawn.
    return _map(os.environ[PATH_VARIABLE])


def _map(path: str) -> mmap.mmap:
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), _SIZE)
