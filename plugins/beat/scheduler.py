"""`Scheduler`: the entries of an app and when each is due, kept in memory; what schedulers of your own are subclasses of."""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from kernelq import KernelQ, KernelQError

from .entry import ScheduleEntry, call_of, entry_from
from .sending import marks_of

log = logging.getLogger("kernelq.beat")

MAX_INTERVAL = 300.0
"""Seconds a scheduler sleeps at most."""


class SchedulingError(KernelQError):
    """An entry's task could not be sent."""


class event_t(NamedTuple):
    """One place in the heap."""

    time: float
    priority: int
    entry: ScheduleEntry


class Scheduler:
    """Sends each entry when it is due: `tick` sends at most one, and says how long to wait until it is to be called again.

    A scheduler of your own overrides what it needs: `Entry`, `setup_schedule` (fills `schedule`), `schedule`, `reserve`,
    `apply_entry`, `apply_async`, `send_task`, `sync` (keeps how far entries have come), `close`, `info`, `tick`, `max_interval`. It must
    tolerate `lazy`, which is set where it is only shown: nothing is set up then. This one keeps nothing anywhere; `PersistentScheduler` is the
    default.
    """

    Entry: ClassVar[type[ScheduleEntry]] = ScheduleEntry
    max_interval: float = MAX_INTERVAL
    sync_every: float = 3 * 60
    sync_every_tasks: int | None = None
    logger = log

    def __init__(
        self,
        app: KernelQ,
        schedule: dict[str, Any] | None = None,
        max_interval: float | None = None,
        Producer: Any = None,
        lazy: bool = False,
        sync_every_tasks: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.app = app
        self.data: dict[str, Any] = {} if schedule is None else schedule
        self.max_interval = max_interval or app.conf.beat_max_loop_interval or self.max_interval
        self.sync_every_tasks = app.conf.beat_sync_every if sync_every_tasks is None else sync_every_tasks
        self._heap: list[event_t] | None = None
        self._heap_of: dict[str, Any] = {}
        self._last_sync: float | None = None
        self._tasks_since_sync = 0
        if not lazy:
            self.setup_schedule()

    # --- entries

    def setup_schedule(self) -> None:
        """Fill `schedule`, once, before the first tick."""
        from .periodic import code_entries

        self.merge_inplace(code_entries(self.app))

    def get_schedule(self) -> Any:
        """Name → entry."""
        return self.data

    def set_schedule(self, schedule: Any) -> None:
        """Take these entries instead."""
        self.data = schedule

    schedule = property(lambda self: self.get_schedule(), lambda self, schedule: self.set_schedule(schedule))

    def add(self, **kwargs: Any) -> ScheduleEntry:
        """Add an entry, in the place of one of its name."""
        entry = self.Entry(app=self.app, **kwargs)
        self.schedule[entry.name] = entry
        return entry

    def _maybe_entry(self, name: str, entry: Any) -> ScheduleEntry:
        return entry_from(name, entry, self.app, self.Entry)

    def update_from_dict(self, entries: Mapping[str, Any]) -> None:
        """Take over these entries, as `beat_schedule` has them; one that is wrong is logged and left out."""
        self.schedule.update(self._entries(entries))

    def merge_inplace(self, entries: Mapping[str, Any]) -> None:
        """Have these entries and no others; those known keep how far they have come."""
        mine = self.schedule
        for name in set(mine) - set(entries):
            del mine[name]
        for name, entry in self._entries(entries).items():
            if name in mine:
                mine[name].update(entry)
            else:
                mine[name] = entry

    def _entries(self, entries: Mapping[str, Any]) -> dict[str, ScheduleEntry]:
        made = {}
        for name, about in entries.items():
            try:
                made[name] = self._maybe_entry(name, about)
            except Exception as error:  # noqa: BLE001  (whatever is wrong with one entry, the others are sent)
                log.error("the entry %r is left out: %s", name, error)
        return made

    def install_default_entries(self, data: Any) -> None:
        """Add what every app needs: nothing. Workers drop outlived results by themselves."""

    # --- time

    def adjust(self, n: float | None, drift: float = -0.010) -> float | None:
        """Seconds to wait, a little less, for the sending takes time too."""
        return n + drift if n and n > 0 else n

    def is_due(self, entry: ScheduleEntry) -> Any:
        """Whether an entry is due, and in how many seconds to ask again."""
        return entry.is_due()

    def _when(self, entry: ScheduleEntry, next_time_to_run: float) -> float:
        return float(self.app.now().timestamp() + (self.adjust(next_time_to_run) or 0))

    def populate_heap(self, event_t: Any = event_t, heapify: Any = heapq.heapify) -> None:
        """Order the entries anew by when they are due."""
        self._heap = []
        for entry in self.schedule.values():
            is_due, wait = self._asked(entry)
            self._heap.append(event_t(self._when(entry, 0 if is_due else wait), 5, entry))
        heapify(self._heap)

    def _asked(self, entry: ScheduleEntry) -> tuple[bool, float]:
        """`is_due`; one that raises is asked again after `max_interval`, and the others are not its concern."""
        try:
            is_due, wait = self.is_due(entry)
        except Exception:  # a user's schedule: the others are not its concern
            log.exception("cannot tell whether %s is due; asked again in %g s", entry.name, self.max_interval)
            return False, self.max_interval
        return bool(is_due), float(wait)

    def tick(
        self, event_t: Any = event_t, min: Any = min, heappop: Any = heapq.heappop, heappush: Any = heapq.heappush
    ) -> float:
        """Send one entry that is due and return 0; else the seconds until one may be."""
        schedule = self.schedule
        if self._heap is None or not self.schedules_equal(self._heap_of, schedule):
            self._heap_of = dict(schedule)
            self.populate_heap()
        heap = self._heap
        if not heap:
            return self.max_interval
        event = heap[0]
        entry = event.entry
        is_due, wait = self._asked(entry)
        if not is_due or not getattr(entry, "enabled", True):
            if is_due:
                wait = self.max_interval
            heapq.heapreplace(heap, event_t(self._when(entry, wait), event.priority, entry))
            return float(
                min(max(0.0, (self.adjust(heap[0].time - self.app.now().timestamp())) or 0.0), self.max_interval)
            )
        heappop(heap)
        following = self.reserve(entry)
        self._heap_of[entry.name or ""] = following
        self.apply_entry(entry, producer=None)
        heappush(heap, event_t(self._when(following, wait), event.priority, following))
        return 0

    def schedules_equal(self, old: Any, new: Any) -> bool:
        """Whether the entries are the ones that the heap was made of."""
        if old is None or set(old) != set(new):
            return False
        return all(old[name] is entry or old[name].editable_fields_equal(entry) for name, entry in new.items())

    def reserve(self, entry: ScheduleEntry) -> ScheduleEntry:
        """Advance an entry, before it is sent."""
        new: ScheduleEntry = next(entry)
        self.schedule[entry.name] = new
        return new

    # --- sending

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        """Send an entry's task; what goes wrong is logged."""
        log.info("sending %s (%s)", entry.name, entry.task)
        try:
            result = self.apply_async(entry, producer=producer, advance=False)
        except Exception:  # as elsewhere: a scheduler of one's own hears of it by overriding this
            log.exception("cannot send %s", entry.name)
        else:
            log.debug("%s sent as %s", entry.name, getattr(result, "id", None))

    def apply_async(self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:
        """Send an entry's task and return its result.

        Raises:
            SchedulingError: it could not be sent.
        """
        entry = self.reserve(entry) if advance else entry
        task = self.app.tasks.get(entry.task or "")
        try:
            args, named = call_of(entry)
            options = dict(entry.options or {})
            headers = {**(options.pop("headers", None) or {}), **marks_of(entry)}
            if task is not None:
                return task.apply_async(args, named, headers=headers, **options)
            return self.send_task(entry.task, args, named, headers=headers, **options)
        except Exception as error:
            raise SchedulingError(f"cannot send {entry.task!r} of the entry {entry.name!r}: {error}") from error
        finally:
            self._tasks_since_sync += 1
            if self.should_sync():
                self._do_sync()

    def send_task(self, *args: Any, **kwargs: Any) -> Any:
        """Send a task by its name."""
        return self.app.send_task(*args, **kwargs)

    # --- keeping

    def should_sync(self) -> bool:
        """Whether it is time for `sync`."""
        too_long = self._last_sync is None or time.monotonic() - self._last_sync > self.sync_every
        return too_long or bool(self.sync_every_tasks and self._tasks_since_sync >= self.sync_every_tasks)

    def _do_sync(self) -> None:
        try:
            self.sync()
        finally:
            self._last_sync = time.monotonic()
            self._tasks_since_sync = 0

    def sync(self) -> None:
        """Keep how far the entries have come; now and then, and at the end."""

    def close(self) -> None:
        """Keep what is to be kept; nothing is sent any more."""
        self.sync()

    @property
    def info(self) -> str:
        """What the banner says of it."""
        return ""
