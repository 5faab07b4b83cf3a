"""Whether the task of an entry's last occurrence has ended, for entries that do not overlap."""

from __future__ import annotations

import logging

from kernelq import KernelQ
from kernelq.contracts import READY_STATES

from .contract import Ended, Open, ScheduleStore, namespace_of
from .entry import ScheduleEntry
from .sending import occurrence_id

log = logging.getLogger("kernelq.beat")


class Overlap:
    """Asks the store, which workers tell of the ends of tasks, and the result backend."""

    def __init__(self, app: KernelQ, store: ScheduleStore, *, is_told: bool) -> None:
        self.app = app
        self.store = store
        self.is_told = is_told
        """Whether workers tell this store of the ends of tasks."""
        self._said: set[str] = set()

    def watches(self, entry: ScheduleEntry) -> bool:
        """Whether the end of this entry's tasks is waited for."""
        if entry.overlap != "skip":
            return False
        task = self.app.tasks.get(entry.task or "")
        ignored = task.ignore_result if task is not None else self.app.conf.task_ignore_result
        if self.is_told or (self.app.backend_url and not ignored):
            return True
        if entry.key not in self._said:
            self._said.add(entry.key)
            log.warning(
                "overlap='skip' of %s has no effect: nobody tells when its task ends; set schedule_store to Redis or SQL for "
                "beat and workers, or have its result kept",
                entry.name,
            )
        return False

    def allows(self, entry: ScheduleEntry, now: float) -> bool:
        """Whether another occurrence of this entry may be sent now."""
        if not self.watches(entry):
            return True
        mine = [one for one in self.store.board().open if one.key == entry.key]
        running = [one for one in mine if not self._is_over(one, now)]
        return not running

    def close_if_over(self, one: Open) -> bool:
        """Forget an open occurrence whose task is known to have ended; whether it was."""
        if not self.app.backend_url:
            return False
        id = occurrence_id(namespace_of(self.app), one.key, one.instant)
        outcome = self.app.backend.get_many([id]).get(id)
        if outcome is None or outcome.state not in READY_STATES:
            return False
        self.store.apply([Ended(key=one.key, instant=one.instant)])
        return True

    def _is_over(self, one: Open, now: float) -> bool:
        limit: float = self.app.conf.beat_overlap_limit
        if now - one.instant > limit:
            log.warning("the occurrence of %s of %g s ago is taken for lost", one.key, now - one.instant)
            self.store.apply([Ended(key=one.key, instant=one.instant)])
            return True
        return self.close_if_over(one)
