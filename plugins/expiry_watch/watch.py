"""The watch: one worker's, over how many messages of each task expire."""

from __future__ import annotations

import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from kernelq import KernelQ, hookimpl
from kernelq.contracts import StashKey

from . import FEW
from .tally import Row, Tally

if TYPE_CHECKING:
    from kernelq import Task

log = logging.getLogger("kernelq.worker")


class Watch:
    """Counts what expired, and warns: a plugin of its own, registered by workers.

    Used by every thread and child of a worker. What ran is not heard of, for that would cost each run: when a
    message expires, this process's own count of runs says how many ran since the one before.
    """

    def __init__(self, app: KernelQ, now: Callable[[], float] = time.time) -> None:
        self._tally = Tally(app.tasks)
        self._window: int = app.conf.task_expiry_window
        self._share: float = app.conf.task_expiry_share
        self._period: float = app.conf.task_expiry_period
        self._now = now
        self._last: defaultdict[str, deque[bool]] = defaultdict(partial(deque, maxlen=self._window))
        self._ended: dict[str, int] = {}  # runs of each task that are in `_last`, or were

    @hookimpl
    def task_revoked(self, task: Task[..., Any], expired: bool) -> None:
        """Count one that expired, and warn if most do; one that a user cancelled says nothing about the worker's pace."""
        if not expired:
            return
        row = self._tally[task.name]
        with self._tally.lock():
            row.expired(task.runs.succeeded_at)
            last = self._look(task)
            late = sum(last)
            is_alarming = (
                len(last) >= FEW and late >= self._share * len(last) and row.may_warn(self._now(), self._period)
            )
        if is_alarming:
            self._warn(task.name, row, len(last), late)

    def _look(self, task: Task[..., Any]) -> deque[bool]:
        """What became of the last messages of a task in this process, up to this one: whether each expired."""
        last, ended = self._last[task.name], task.runs.ended
        ran = ended - self._ended.get(task.name, 0)
        self._ended[task.name] = ended
        last.extend([False] * min(ran, self._window))
        last.append(True)
        return last

    def counts(self) -> dict[str, int]:
        """How many messages expired so far, by task; tasks without one are left out."""
        return {name: row.expired_count for name, row in self._tally.items() if row.expired_count}

    def _warn(self, name: str, row: Row, known: int, expired: int) -> None:
        age = None if row.succeeded_at is None else max(0.0, self._now() - row.succeeded_at)
        log.warning(
            "task %s: %d of its last %d messages expired before they could run; %s. "
            "Add workers, give them longer to begin (expires), or send fewer",
            name,
            expired,
            known,
            "none has succeeded since this worker started" if age is None else f"the last success was {_ago(age)} ago",
            extra={"task_name": name, "expired": expired, "looked_at": known, "last_success_age": age},
        )


_WATCH: StashKey[Watch] = StashKey()


def begin(app: KernelQ) -> None:
    """Watch the messages of an app from here on; once."""
    if _WATCH not in app.stash:
        app.stash[_WATCH] = watch = Watch(app)
        app.register_plugin(watch, "expiry_watch:messages")


def expired_counts(app: KernelQ) -> dict[str, int]:
    """Task name → how many of its messages the worker in this process, its children included, found expired."""
    watch = app.stash.get(_WATCH, None)
    return {} if watch is None else watch.counts()


def _ago(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"
