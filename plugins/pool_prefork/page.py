"""The page: memory that one child and its supervisor share, saying what the child runs.

A child writes one record when a run begins and one byte when it ends; no system call, no lock. The
record is framed by the number of the run. The child writes the frame's head first and its tail last, the
supervisor reads the tail first and the head last: equal and not zero, they prove that the record
between them was neither being written nor replaced meanwhile (a sequence lock; H.-J. Boehm, "Can
seqlocks get along with programming language memory models?", MSPC 2012). `Struct.pack_into` clears the
record before it writes the fields in their order, so a record half written has a head or a tail of 0.
"""

from __future__ import annotations

import enum
import mmap
import struct
from dataclasses import dataclass
from typing import Final

KEY_BYTES: Final = 1024
"""Room for a message key. A longer one is cut, so its message is found by nobody and given back uncharged."""

NAME_BYTES: Final = 256
"""Room for a task's name; a longer one is cut, which only the log sees."""

_HEAD = struct.Struct("=Q")
_RECORD = struct.Struct(f"=Q??dddII{KEY_BYTES}s{NAME_BYTES}sQ")
_TAIL_AT = _RECORD.size - _HEAD.size
_RUNNING_AT = _HEAD.size

_SOFT_TARGET_AT = _RECORD.size + -_RECORD.size % 8
_READY_AT = _SOFT_TARGET_AT + 8
_FAREWELL_AT = _READY_AT + 1
_SIZE = _FAREWELL_AT + 1


class Farewell(enum.IntEnum):
    """Why a child ended of its own accord; NONE: it never said so."""

    NONE = 0
    STOPPED = 1
    TASKS = 2
    """It ran as many tasks as a child may."""
    MEMORY = 3
    """It grew larger than a child may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a child runs: `number` counts its runs from 1, `started_at` is monotonic, limits are in seconds."""

    number: int
    started_at: float
    soft: float | None
    hard: float | None
    key: str
    task: str
    acked: bool

    def __str__(self) -> str:
        return f"{self.task}[{self.key}]"


class Page:
    """One child's page. Made by the supervisor before the fork; each field has one writer."""

    def __init__(self) -> None:
        # Anonymous and shared: the fork inherits it, and it is gone with the last of the two.
        self._memory = mmap.mmap(-1, _SIZE)
        self._number = 0  # the child's own count

    # --- written by the child

    def begin(
        self, key: str, task: str, started_at: float, soft: float | None, hard: float | None, *, acked: bool
    ) -> None:
        """Write down that the next run begins; a limit of None or 0 is none."""
        self._number = number = self._number + 1
        key_bytes, name_bytes = key.encode(), task.encode()
        _RECORD.pack_into(
            self._memory,
            0,
            number,
            True,
            acked,
            started_at,
            soft or 0.0,
            hard or 0.0,
            len(key_bytes),
            len(name_bytes),
            key_bytes,
            name_bytes,
            number,
        )

    def end(self) -> None:
        """Write down that the run ended."""
        self._memory[_RUNNING_AT] = 0

    def set_ready(self) -> None:
        """Write down that the child consumes."""
        self._memory[_READY_AT] = 1

    def say_farewell(self, why: Farewell) -> None:
        """Write down that the child ends as it should, with nothing left to settle."""
        self._memory[_FAREWELL_AT] = why

    # --- written by the supervisor

    def aim(self, number: int) -> None:
        """Name the run that the soft time limit's signal is meant for."""
        _HEAD.pack_into(self._memory, _SOFT_TARGET_AT, number)

    # --- read by either

    @property
    def target(self) -> int:
        """The number of the run `aim` named last; 0 when there was none."""
        return int(_HEAD.unpack_from(self._memory, _SOFT_TARGET_AT)[0])

    def run(self) -> Run | None:
        """The run under way; None when there is none, or when it begins at this very moment."""
        memory = self._memory
        (tail,) = _HEAD.unpack_from(memory, _TAIL_AT)
        _, running, acked, started_at, soft, hard, key_length, name_length, key, name, _ = _RECORD.unpack_from(
            memory, 0
        )
        (head,) = _HEAD.unpack_from(memory, 0)
        if not running or not head == tail != 0:
            return None
        return Run(
            number=head,
            started_at=started_at,
            soft=soft or None,
            hard=hard or None,
            key=key[:key_length].decode(errors="replace"),
            task=name[:name_length].decode(errors="replace"),
            acked=acked,
        )

    @property
    def has_run(self) -> bool:
        """Whether a run ever began."""
        return any(self._memory[: _HEAD.size])

    @property
    def is_ready(self) -> bool:
        """Whether the child consumes."""
        return self._memory[_READY_AT] != 0

    @property
    def farewell(self) -> Farewell:
        """What the child said of its end."""
        return Farewell(self._memory[_FAREWELL_AT])

    def close(self) -> None:
        """Give the memory back; the page is of no use any more."""
        self._memory.close()
