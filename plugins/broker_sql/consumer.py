"""One lane's hold on some queues: claim, settle, give back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kernelq.contracts import Consumer, Delivery, Transition, unpack
from kernelq.sql import SqlEngine, Wakeup

from .holdings import give_back, hand_over, held_by
from .news import CHANNEL, LOOK_EVERY, is_news
from .settlement import Settlement, SomeRefused, split
from .statements import Claimed, Statements

log = logging.getLogger(__name__)


class SqlConsumer(Consumer):
    """A consumer of `queues` on the tables of the SQL broker; its lease begins with its first fetch."""

    def __init__(
        self,
        engine: SqlEngine,
        statements: Statements,
        queues: Sequence[str],
        *,
        id: str,
        lease: float,
        now: Callable[[], float],
    ) -> None:
        self.id = id
        self._engine = engine
        self._statements = statements
        self._queues = tuple(dict.fromkeys(queues))
        self._lease = lease
        self._now = now
        self._wakeup: Wakeup | None = None  # made by the first wait
        self._is_woken = False  # set by any thread, reset by a fetch that ends
        self._expects_more = False  # the last claim took all it could

    def fetch(self, limit: int, timeout: float) -> list[Delivery]:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit!r}")
        deadline = time.monotonic() + timeout
        while True:
            deliveries, rest = self._attempt(limit)
            left = deadline - time.monotonic()
            if deliveries or self._is_woken or left <= 0:
                self._is_woken = False
                return deliveries
            self._wait(min(rest, left))

    def settle(self, transitions: Sequence[Transition]) -> list[Transition]:
        if not transitions:
            return []
        try:
            with self._engine.begin() as connection:
                self._commit(connection, transitions)
        except SomeRefused:
            return self._settle_held(transitions)
        return []

    def mark_started(self, deliveries: Sequence[Delivery]) -> None:
        claims = [(delivery.tag, self.id, delivery.fence) for delivery in deliveries]
        with self._engine.begin() as connection:
            self._statements.mark_started(connection, claims)

    def take_over(self, consumer_id: str) -> list[Delivery]:
        with self._engine.begin() as connection:
            self._extend_lease(connection, self._now())
            return _deliveries(hand_over(connection, consumer_id, self.id))

    def wake(self) -> None:
        self._is_woken = True  # before the bell: a fetch that is about to wait sees one or the other
        wakeup = self._wakeup
        if wakeup is not None:
            wakeup.ring()

    def close(self) -> None:
        wakeup, self._wakeup = self._wakeup, None
        if wakeup is not None:
            wakeup.close()
        with self._engine.begin() as connection:
            if give_back(connection, self.id):
                self._engine.notify(connection, CHANNEL)

    def _attempt(self, limit: int) -> tuple[list[Delivery], float]:
        """Claim if there seems to be something; else the seconds until there may be."""
        rest = 0.0 if self._expects_more else self._seconds_to_next()
        if rest > 0:
            return [], rest
        deliveries = self._claim(limit)
        self._expects_more = len(deliveries) == limit
        return deliveries, 0.0

    def _seconds_to_next(self) -> float:
        """How long there is nothing to claim and nothing else for a claim to do; at most `LOOK_EVERY`.

        A read in place of a claim: idle consumers take no write lock.
        """
        with self._engine.read() as connection:
            glance = self._statements.glance(connection, self.id, self._queues)
        if glance.is_ready or glance.own_lease_ends_at is None:
            return 0.0
        instants = (glance.next_due_at, glance.next_lease_ends_at)
        return min(LOOK_EVERY, *(instant - self._now() for instant in instants if instant is not None))

    def _claim(self, limit: int) -> list[Delivery]:
        with self._engine.begin() as connection:
            now = self._now()
            lost = self._statements.take_back(connection, now)
            if lost:
                self._engine.notify(connection, CHANNEL)  # it may be more than is taken here
            self._extend_lease(connection, now)
            self._statements.promote(connection, now)
            claimed = self._statements.claim(connection, self.id, self._queues, limit)
        for consumer_id, number in lost.items():
            log.warning("messages taken back from %s, whose lease had ended: %d", consumer_id, number)
        return _deliveries(claimed)

    def _extend_lease(self, connection: Any, now: float) -> None:
        self._statements.extend_lease(connection, self.id, self._lease, self._queues, now)

    def _wait(self, seconds: float) -> None:
        if self._wakeup is None:
            # Made by the first wait, and that look is repeated: what came before did not ring it.
            self._wakeup = self._engine.listen(CHANNEL)
        elif seconds > 0:
            self._wakeup.wait(seconds)

    def _settle_held(self, transitions: Sequence[Transition]) -> list[Transition]:
        """The slow way: ask first which deliveries are still held, then settle those."""
        with self._engine.begin() as connection:
            held = held_by(connection, self.id, [each.delivery.tag for each in transitions])
            accepted, refused = split(transitions, held)
            self._commit(connection, accepted)
        return refused

    def _commit(self, connection: Any, transitions: Sequence[Transition]) -> None:
        now = self._now()
        settlement = Settlement(self.id, transitions, now)
        published = settlement.carry_out(self._statements, connection)
        if settlement.frees_messages or is_news(published, now):
            self._engine.notify(connection, CHANNEL)


def _deliveries(claimed: Iterable[Claimed]) -> list[Delivery]:
    return [
        Delivery(
            message=unpack(row.blob if isinstance(row.blob, bytes) else str(row.blob).encode()),
            queue=row.queue,
            tag=row.seq,
            fence=row.fence,
            crashes=row.crashes,
            suspect=bool(row.suspect),
        )
        for row in claimed
    ]
