"""`PersistentScheduler`: sends each occurrence once, whoever else does the same; what it did is in a store."""

from __future__ import annotations

import heapq
import logging
import os
import socket
import time
from collections.abc import Callable
from itertools import count
from typing import Any

from kernelq import KernelQ, uuid
from kernelq.contracts import BackendUnavailable, BrokerError, BrokerFull, BrokerUnavailable, mask

from .board import Known, next_of
from .contract import Claim, NotLeading, ScheduleStore
from .entry import ScheduleEntry
from .finding import store_at, store_url
from .missed import Due, due_now
from .overlap import Overlap
from .scheduler import Scheduler
from .sending import admitted, message_of
from .unsent import send_open

log = logging.getLogger("kernelq.beat")

LOOK_EVERY = 2.0
"""Seconds between two looks whether somebody edited an entry."""

SOON = 0.001
"""Seconds: not 0, which says that something was sent."""

AGAIN_AFTER = 1.0
"""Seconds until something is tried again that an engine which was away prevented."""


AWAY = (BackendUnavailable, BrokerUnavailable, BrokerFull)
"""What passes by itself, and concerns every entry."""

MOVED_AFTER = 0.05
"""Seconds until an entry is looked at again whose mark stood elsewhere, or was being moved."""


class _Moved(Exception):
    """A mark stands elsewhere: an answer of ours was lost, somebody edited the entry, or the last leader is just moving it."""


class PersistentScheduler(Scheduler):
    """The scheduler of ``kernelq beat``, unless `beat_scheduler` says otherwise.

    Of all that share a store one leads, by a lease, and the others wait for it to end. The leader claims each occurrence in the
    store before it sends it. `now` is the clock of occurrences, `clock` that of waiting; tests set them.
    """

    def __init__(
        self,
        app: KernelQ,
        *args: Any,
        schedule_filename: str | None = None,
        store: str | ScheduleStore | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        **kwargs: Any,
    ) -> None:
        self.url = store_url(app, filename=schedule_filename, url=store if isinstance(store, str) else None)
        self.store = store if isinstance(store, ScheduleStore) else store_at(app, self.url)
        self.lease: float = app.conf.beat_lease
        self.holder = f"{socket.gethostname()}/{os.getpid()}/{uuid()}"
        self._time, self._clock = now, clock
        self._fence: int | None = None
        self._renew_at = self._ends_at = self._look_at = self._again_at = 0.0
        self._is_waiting = False
        self._is_stale = True
        self._known = Known(app, self.store)
        self._overlap = Overlap(app, self.store, is_told=self.store.is_shared and app.conf.schedule_store == self.url)
        self._queue: list[tuple[float, int, str]] = []
        self._ask_at: dict[str, float] = {}
        self._order = count()
        super().__init__(app, *args, **kwargs)

    # --- one turn

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what one entry has due and return 0; else the seconds until something may be."""
        try:
            if not self._leads():
                return min(self.lease / 3, self.max_interval)
            if self._is_stale or self._clock() >= self._look_at:
                self._look()
            return self._turn()
        except NotLeading:
            self._lose("somebody else leads now")
        except _Moved:
            self._is_stale = True
            return MOVED_AFTER
        except AWAY as error:
            self._is_stale = True  # nobody knows whether what was asked was done
            if self._clock() >= self._again_at:
                log.error("cannot schedule now: %s", error)
                self._again_at = self._clock() + 30
        return min(AGAIN_AFTER, self.lease / 3)

    def _turn(self) -> float:
        longest = min(self.max_interval, LOOK_EVERY, self.lease / 3)
        while self._queue:
            at, _, key = self._queue[0]
            now = self._time()
            if at > now:
                return min(at - now, longest)
            if self._sent_any(key, now):
                return 0.0
            if self._clock() >= self._renew_at:
                return SOON  # others wait too, but to lead on comes first
        return longest

    def _sent_any(self, key: str, now: float) -> bool:
        """See to the first entry of the queue; whether anything was sent."""
        entry = self._known.entries.get(key)
        heapq.heappop(self._queue)
        if entry is None:
            return False
        try:
            sent = self._see_to(entry, now)
        except (NotLeading, _Moved, *AWAY):
            raise
        except Exception:  # a user's schedule, arguments or serializer
            # Whatever is wrong with it: its mark stands, so nothing of it is lost, and the others are not kept waiting.
            log.exception("%s cannot be sent; tried again in %g s", entry.name, self.max_interval)
            self._push(now + self.max_interval, key)
            return False
        self._put(entry)
        return sent

    def _see_to(self, entry: ScheduleEntry, now: float) -> bool:
        due = self._due(entry, now)
        sent = False
        for instant in due.send:
            if not self._leads():  # many were missed, and sending them takes its time
                raise NotLeading(entry.key)
            sent |= self._send(entry, instant, now)
        if due.last is not None and due.last != self._known.last_of(entry):
            self._claim(entry, Claim(key=entry.key, seen=self._known.last_of(entry), last=due.last))
        if due.left_out:
            log.warning("%s: %d missed occurrences are left out", entry.name, due.left_out)
        return sent

    def _due(self, entry: ScheduleEntry, now: float) -> Due:
        last, conf = self._known.last_of(entry), self.app.conf
        assert last is not None
        next_after = next_of(entry.schedule)
        if next_after is None:
            is_due, wait = entry.is_due()
            self._ask_at[entry.key] = now + max(float(wait), SOON)
            return Due(send=(now,), last=now) if is_due else Due()
        # As elsewhere the deadline is for what follows the calendar: an interval has no instant that it must keep.
        deadline = None if hasattr(entry.schedule, "run_every") else conf.beat_cron_starting_deadline
        return due_now(
            next_after, last, now, catch_up=entry.catch_up, missed_after=conf.beat_missed_after, deadline=deadline
        )

    def _send(self, entry: ScheduleEntry, instant: float, now: float) -> bool:
        """Claim an occurrence and send it; False when it is left out."""
        claim = Claim(key=entry.key, seen=self._known.last_of(entry), last=instant)
        if not self._overlap.allows(entry, now):
            log.warning("%s is left out: the task of its last occurrence has not ended", entry.name)
            self._claim(entry, claim)
            return False
        broker = self.app.broker
        is_one_step = self.store.publishes_with(broker)
        is_watched = self._overlap.watches(entry)
        is_told = self._overlap.is_told and (is_watched or not is_one_step)
        made = message_of(self.app, entry, instant, is_told=is_told)
        message = admitted(self.app, made)
        if message is None:
            log.info("%s is not sent: a plugin refused it", entry.name)
            self._claim(entry, claim)
            return False
        # One that is sent in two steps may be sent twice: open until its end, it tells the worker which is the second.
        claim = Claim(key=entry.key, seen=claim.seen, last=instant, message=message, watched=is_watched or is_told)
        self._claim(entry, claim, is_one_step=is_one_step)
        if not is_one_step:
            if self._clock() >= self._ends_at:  # frozen since the claim: another leader sends it, or has sent it
                raise NotLeading(entry.key)
            send_open(self.app, self.store, claim.key, instant, message)
        log.info("sent %s (%s) as %s", entry.name, entry.task, message.id)
        self.app.plugins.published(self.app, [message])
        return True

    def _claim(self, entry: ScheduleEntry, claim: Claim, *, is_one_step: bool = False) -> None:
        assert self._fence is not None
        if not self.store.claim(claim, fence=self._fence, broker=self.app.broker if is_one_step else None):
            raise _Moved
        self._known.moved(entry, claim)

    # --- who leads

    def _leads(self) -> bool:
        now = self._clock()
        if self._fence is not None and now < self._renew_at:
            return True
        fence = self.store.lead(self.holder, self.lease)
        self._renew_at, self._ends_at = now + self.lease / 3, now + self.lease
        if fence is None:
            self._lose("another beat leads")
            return False
        if fence != self._fence:
            log.info("this beat leads (%s, fence %d)", mask(self.url), fence)
            self._fence, self._is_stale, self._is_waiting = fence, True, False
        return True

    def _lose(self, why: str) -> None:
        if not self._is_waiting:
            log.info("this beat waits: %s", why)
        self._fence, self._is_waiting = None, True

    # --- what there is

    def _look(self) -> None:
        """Take over what was edited; as a new leader also what the last one left undone."""
        changed = self._known.code_changed(self)
        if self._is_stale or changed or self.store.version() != self._known.version:
            assert self._fence is not None
            board = self._known.read(self, self._fence, self._time())
            for one in board.open:
                if one.message is not None:
                    log.warning("an occurrence of %s may not have been sent; it is sent again", one.key)
                    if not self._overlap.close_if_over(one):
                        send_open(self.app, self.store, one.key, one.instant, one.message)
            self._overlap.give_up(board.open, self._time())
            self._queue = []
            for entry in self._known.entries.values():
                self._put(entry)
            self._is_stale = False
        self._look_at = self._clock() + LOOK_EVERY

    def _put(self, entry: ScheduleEntry) -> None:
        """Have an entry seen to when it is due."""
        last = self._known.last_of(entry)
        if last is None or not self._known.is_on(entry):
            return
        try:
            next_after = next_of(entry.schedule)
            at = next_after(last) if next_after is not None else self._asked_at(entry)
        except Exception:  # a user's schedule: the others are not kept waiting for it
            log.exception("cannot tell when %s is due; asked again in %g s", entry.name, self.max_interval)
            at = self._time() + self.max_interval
        if at is not None:
            self._push(at, entry.key)

    def _asked_at(self, entry: ScheduleEntry) -> float:
        """When to ask a schedule again that does not tell its instants: when it said."""
        now = self._time()
        return min(self._ask_at.pop(entry.key, now), now + self.max_interval)

    def _push(self, at: float, key: str) -> None:
        heapq.heappush(self._queue, (at, next(self._order), key))

    def close(self) -> None:
        """Let another lead at once."""
        super().close()
        try:
            self.store.resign(self.holder)
        except (BackendUnavailable, BrokerError) as error:
            log.warning("the lease of this beat ends by itself: %s", error)
        self._fence = None

    @property
    def info(self) -> str:
        """Where it keeps how far it has come."""
        return f"    . store -> {mask(self.url)}"
