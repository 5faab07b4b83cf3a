"""Completion marks: one shared file in which task `i` counts up byte `i`.

The harness sees what has run without asking any store, and a mark costs the same few tenths of a microsecond for every peer. A task
that ran twice has a count of 2, so nothing is done twice unseen.
"""

from __future__ import annotations

import mmap
import os
from functools import cache
from pathlib import Path

PATH_VARIABLE = "BENCH_MARKS"
"""Environment variable that tells workers where the file is."""

SIZE = 1 << 20
"""Bytes, so the most tasks of one measurement."""


class Marks:
    """The harness's side; the file is made new in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "marks"
        self.path.write_bytes(bytes(SIZE))
        self._memory = _map(str(self.path))

    def done(self, first: int, last: int) -> int:
        """How many of the tasks from `first` to before `last` have run."""
        return last - first - self._memory[first:last].count(0)

    def repeated(self, first: int, last: int) -> int:
        """How many of them ran more than once."""
        return self.done(first, last) - self._memory[first:last].count(1)


def mark(i: int) -> None:
    """Say that task `i` ran; called inside the task. Two runs of one task at the very same moment may count as one."""
    memory = _own()
    memory[i] = min(memory[i] + 1, 255)


@cache
def _own() -> mmap.mmap:
    return _map(os.environ[PATH_VARIABLE])


def _map(path: str) -> mmap.mmap:
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), SIZE)
