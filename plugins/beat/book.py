"""The book: the entries of an app and of its store, as people look at them."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from functools import partial
from typing import Any

import click
from kernelq import KernelQ
from kernelq.errors import nearest

from .board import next_of
from .contract import Mark, ScheduleStore
from .entry import ScheduleEntry, entry_from
from .finding import store_at, store_url
from .missed import next_times
from .plain import entry_of


class Book:
    """The entries of an app and of its store, for the commands."""

    def __init__(self, app: KernelQ) -> None:
        from .periodic import code_entries

        app.import_modules()
        app.finalize()
        self.app = app
        self.store: ScheduleStore = store_at(app, store_url(app))
        board = self.store.board()
        self.marks = board.marks
        self.entries: dict[str, ScheduleEntry] = {}
        self.wrong: dict[str, str] = {}
        for name, about in code_entries(app).items():
            self._take(f"code:{name}", partial(entry_from, name, about, app))
        for name, definition in board.entries.items():
            self._take(f"store:{name}", partial(entry_of, name, definition, app))

    def _take(self, key: str, make: Callable[[], ScheduleEntry]) -> None:
        try:
            self.entries[key] = make()
        except Exception as error:  # noqa: BLE001  (one wrong entry hides no other)
            self.wrong[key] = str(error)

    def key_of(self, name: str) -> str:
        """The key of an entry that a user names, by its name or its key; the store's come first."""
        known = {*self.entries, *self.wrong}
        for key in (name, f"store:{name}", f"code:{name}"):
            if key in known:
                return key
        names = sorted({key.partition(":")[2] for key in known})
        raise click.ClickException(
            f"no entry {name!r}{nearest(name, names)}; 'kernelq beat list' shows those there are"
        )

    def entry(self, name: str) -> ScheduleEntry:
        """The entry that a user names."""
        key = self.key_of(name)
        if key in self.wrong:
            raise click.ClickException(f"the entry {key} cannot be read: {self.wrong[key]}")
        return self.entries[key]

    def state(self, key: str) -> str:
        """``on``, ``paused``, ``disabled``, or what is wrong with it."""
        if key in self.wrong:
            return f"wrong: {self.wrong[key]}"
        if not self.entries[key].enabled:
            return "disabled"
        return "paused" if self.mark(key).paused else "on"

    def times(self, entry: ScheduleEntry, count: int, now: float) -> list[str]:
        """The next times of an entry, in its zone; none while it is off."""
        next_after = next_of(entry.schedule)
        if next_after is None or self.state(entry.key) != "on":
            return []
        tz = getattr(entry.schedule, "tz", None) or self.app.timezone
        since = _since(entry.schedule, self.mark(entry.key).last, now)
        return [shown(at, tz) for at in next_times(next_after, since, count + 1) if at > now][:count]

    def mark(self, key: str) -> Mark:
        """How far an entry has come."""
        return self.marks.get(key) or Mark(last=0.0)


def shown(instant: float, tz: datetime.tzinfo) -> str:
    """An instant for people, in a zone."""
    return datetime.datetime.fromtimestamp(instant, tz).strftime("%a %Y-%m-%d %H:%M:%S %Z")


def _since(schedule: Any, last: float, now: float) -> float:
    """From where the next times are to be asked: an interval goes on from its last occurrence, what the calendar says from now."""
    every = getattr(schedule, "run_every", None)
    if every is None or not last:
        return now
    if schedule.next_after(last) > now:
        return last
    seconds = every.total_seconds()
    return now if schedule.relative else last + (now - last) // seconds * seconds
