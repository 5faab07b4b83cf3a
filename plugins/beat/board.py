"""What a leader knows: the entries of the app and of the store, and how far each has come."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kernelq import KernelQ
from msgspec.structs import replace

from .contract import Board, Claim, Mark, ScheduleStore
from .entry import ScheduleEntry
from .plain import entry_of

if TYPE_CHECKING:
    from .scheduler import Scheduler

log = logging.getLogger("kernelq.beat")

FORGET_AFTER = 7 * 86400.0
"""Seconds after its last occurrence that the mark of an entry which the code no longer has is kept: an older version of the code
may lead for a while during a deployment."""


class Known:
    """Entries by key, and their marks."""

    def __init__(self, app: KernelQ, store: ScheduleStore) -> None:
        self.app = app
        self.store = store
        self.version = -1
        self.entries: dict[str, ScheduleEntry] = {}
        self.marks: dict[str, Mark] = {}
        self._told: dict[str, Any] | None = None  # what the settings said when they were last looked at
        self._mine: list[ScheduleEntry] = []
        self._said: set[str] = set()

    def code_changed(self, scheduler: Scheduler) -> bool:
        """Whether the entries of the settings or the scheduler are others than those that are known; they are taken over then."""
        from .periodic import code_entries

        told, mine = code_entries(self.app), list(scheduler.schedule.values())
        is_same = told == self._told
        if not is_same and self._told is not None:
            scheduler.merge_inplace(told)
            mine = list(scheduler.schedule.values())
        is_same &= [id(entry) for entry in mine] == [id(entry) for entry in self._mine]
        self._told, self._mine = told, mine
        return not is_same

    def read(self, scheduler: Scheduler, fence: int, now: float) -> Board:
        """Take over what the store knows, and give each entry that is new there its mark."""
        board = self.store.board()
        self.version, self.marks = board.version, dict(board.marks)
        mine: dict[str, ScheduleEntry] = {f"code:{name}": entry for name, entry in scheduler.schedule.items()}
        theirs: dict[str, ScheduleEntry] = {}
        for name, definition in board.entries.items():
            try:
                theirs[f"store:{name}"] = entry_of(name, definition, self.app, scheduler.Entry)
            except Exception as error:  # noqa: BLE001  (whoever wrote it and whatever it says, the others are sent)
                log.error("the entry %r of the store is left out: %s", name, error)
        self.entries = {**mine, **theirs}
        self._say_twins(scheduler, board)
        for key, entry in self.entries.items():
            self._begin(key, entry, fence, now)
        self._forget(fence, now)
        return board

    def last_of(self, entry: ScheduleEntry) -> float | None:
        """The instant an entry's mark stands at."""
        mark = self.marks.get(entry.key)
        return None if mark is None else mark.last

    def is_on(self, entry: ScheduleEntry) -> bool:
        """Whether an entry is neither disabled nor paused."""
        return entry.enabled and not self.marks[entry.key].paused

    def moved(self, entry: ScheduleEntry, claim: Claim) -> None:
        """An entry's mark stands there now."""
        mark = self.marks.get(entry.key) or Mark(last=claim.last)
        self.marks[entry.key] = replace(mark, last=claim.last, count=mark.count + (claim.message is not None))
        self._show(entry)

    def _begin(self, key: str, entry: ScheduleEntry, fence: int, now: float) -> None:
        if key not in self.marks:
            since = now if entry.is_new or entry.last_run_at is None else entry.last_run_at.timestamp()
            if self.store.claim(Claim(key=key, seen=None, last=since), fence=fence):
                self.marks[key] = Mark(last=since)
        if key in self.marks:
            self._show(entry)

    def _show(self, entry: ScheduleEntry) -> None:
        mark = self.marks[entry.key]
        tz: datetime.tzinfo = getattr(entry.schedule, "tz", None) or self.app.timezone
        entry.last_run_at, entry.total_run_count = datetime.datetime.fromtimestamp(mark.last, tz), mark.count

    def _forget(self, fence: int, now: float) -> None:
        old = now - FORGET_AFTER
        for key, mark in list(self.marks.items()):
            if key.startswith("code:") and key not in self.entries and mark.last < old:
                self.store.remove(key)
                del self.marks[key]
                self.version = self.store.version()

    def _say_twins(self, scheduler: Scheduler, board: Board) -> None:
        for name in sorted(set(scheduler.schedule) & set(board.entries) - self._said):
            self._said.add(name)
            log.warning(
                "there are two entries %r, of the code and of the store; neither replaces the other, both are sent",
                name,
            )


def next_of(schedule: Any) -> Callable[[float], float | None] | None:
    """The schedule's `next_after`; None: it is to be asked by its `is_due`, which may look at anything."""
    if not getattr(schedule, "is_predictable", True):
        return None
    next_after: Callable[[float], float | None] | None = getattr(schedule, "next_after", None)
    return next_after
