"""One lane's hold on some queues: claim, settle, give back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from kernelq.contracts import Consumer, Delivery, Message, Transition, unpack
from kernelq.sql import SqlEngine, Wakeup
from msgspec.structs import replace

from . import marks
from .holdings import Holding, free_unknown, give_back, held_by
from .news import CHANNEL, LOOK_EVERY, is_news
from .settlement import Settlement, SomeRefused, split
from .statements import Claimed, Statements, bytes_of

log = logging.getLogger(__name__)

_MOMENT = 0.01
"""Seconds until the next claim after one that found all that is ready locked by others, or gone."""

_FORGET_EVERY = 60.0
"""Seconds a consumer that sees marks of revoked tasks goes without forgetting those that have ended."""


class SqlConsumer(Consumer):
    """A consumer of `queues` on the tables of the SQL broker; its lease begins with its first fetch."""

    def __init__(
        self,
        engine: SqlEngine,
        statements: Statements,
        queues: Sequence[str],
        holding: Holding,
        *,
        id: str,
        lease: float,
        now: Callable[[], float],
    ) -> None:
        self.id = id
        self._engine = engine
        self._statements = statements
        self._queues = tuple(dict.fromkeys(queues))
        self._holding = holding
        self._lease = lease
        self._now = now
        self._wakeup: Wakeup | None = None  # made by the first wait
        self._is_woken = False  # set by any thread, reset by a fetch that ends
        self._expects_more = False  # the last claim took all it could
        self._forget_at = 0.0  # when to forget ended marks again, if there are marks; monotonic
        self._upkeep_at = 0.0  # when to look for ended leases and due messages again, by the engine's clock

    def fetch(self, limit: int, timeout: float) -> list[Delivery]:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit!r}")
        deadline = time.monotonic() + timeout
        while True:
            deliveries, rest = self._attempt(limit)
            left = deadline - time.monotonic()
            if deliveries or self._is_woken or left <= 0:
                self._is_woken = False
                if deliveries and self._wakeup is not None:
                    self._wakeup.found()
                return deliveries
            self._wait(min(rest, left))

    def settle(self, transitions: Sequence[Transition]) -> list[Transition]:
        if not transitions:
            return []
        refused: list[Transition] = []
        try:
            self._engine.transact(lambda connection: self._commit(connection, transitions))
        except SomeRefused:
            refused = self._engine.transact(lambda connection: self._settle_held(connection, transitions))
        self._holding.seqs.difference_update(each.delivery.tag for each in transitions)
        # A refused one may be an older handing-out of what is held now.
        self._holding.seqs.update(each.delivery.tag for each in refused)
        return refused

    def mark_started(self, deliveries: Sequence[Delivery]) -> None:
        if not deliveries:
            return
        claims = [(delivery.tag, self.id, delivery.fence) for delivery in deliveries]
        self._engine.transact(lambda connection: self._statements.mark_started(connection, claims))

    def take_over(self, consumer_id: str) -> list[Delivery]:
        def take(connection: Any) -> list[Claimed]:
            self._statements.extend_lease(connection, self.id, self._lease, self._queues, self._now())
            return self._statements.hand_over(connection, consumer_id, self.id)

        return self._handed_out(take)

    def held(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        with self._engine.read() as connection:
            held = held_by(connection, self.id, [delivery.tag for delivery in deliveries], lock=False)
        return [delivery for delivery in deliveries if held.get(delivery.tag) == delivery.fence]

    def wake(self) -> None:
        self._is_woken = True  # before the bell: a fetch that is about to wait sees one or the other
        wakeup = self._wakeup
        if wakeup is not None:
            wakeup.ring()

    def discard(self) -> None:
        wakeup, self._wakeup = self._wakeup, None
        if wakeup is not None:
            wakeup.close()

    def close(self) -> None:
        self.discard()
        self._engine.transact(self._give_back)
        self._holding.seqs.clear()
        self._holding.is_in_doubt = False

    def _give_back(self, connection: Any) -> None:
        if give_back(connection, self.id):
            self._engine.notify(connection, CHANNEL)

    def _attempt(self, limit: int) -> tuple[list[Delivery], float]:
        """Claim if there seems to be something; else the seconds until there may be."""
        rest = 0.0 if self._expects_more or self._holding.is_in_doubt else self._seconds_to_next()
        if rest > 0:
            return [], rest
        deliveries = self._claim(limit)
        self._expects_more = len(deliveries) == limit
        # Nothing, though something was ready: others are taking it at this moment. They may be put back yet.
        return deliveries, 0.0 if deliveries else _MOMENT

    def _seconds_to_next(self) -> float:
        """How long there is nothing to claim and nothing else for a claim to do; at most `LOOK_EVERY`.

        A read in place of a claim: idle consumers lock nothing.
        """
        with self._engine.read() as connection:
            glance = self._statements.glance(connection, self.id, self._queues)
        instants = [at for at in (glance.next_due_at, glance.next_lease_ends_at) if at is not None]
        if any(instant <= self._now() for instant in instants):
            self._upkeep_at = 0.0
        if glance.is_ready or glance.own_lease_ends_at is None:
            return 0.0
        return min(LOOK_EVERY, *(instant - self._now() for instant in instants))

    def _claim(self, limit: int) -> list[Delivery]:
        lost: dict[str, int] = {}
        deliveries = self._handed_out(lambda connection: self._take(connection, limit, lost))
        for consumer_id, number in lost.items():
            log.warning("messages taken back from %s, whose lease had ended: %d", consumer_id, number)
        return deliveries

    def _handed_out(self, take: Callable[[Any], list[Claimed]]) -> list[Delivery]:
        """What a transaction leases to us; when its answer is lost, the next one frees what it may have leased."""
        holding = self._holding

        def take_and_clear(connection: Any) -> tuple[list[Claimed], list[Delivery] | None]:
            if holding.is_in_doubt and free_unknown(connection, self.id, holding.seqs):
                self._engine.notify(connection, CHANNEL)
            claimed = take(connection)
            if not claimed or not claimed[0].is_watched:
                return claimed, None  # to be read after the commit: others wait for that
            return claimed, self._marked(connection, _deliveries(claimed))

        try:
            claimed, deliveries = self._engine.transact(take_and_clear)
        except BaseException:  # an interrupt too: it may have come after the commit
            holding.is_in_doubt = True
            raise
        holding.is_in_doubt = False
        holding.seqs.update(row.seq for row in claimed)
        return _deliveries(claimed) if deliveries is None else deliveries

    def _marked(self, connection: Any, deliveries: list[Delivery]) -> list[Delivery]:
        """These deliveries, those of revoked tasks as such, in the transaction that claims them."""
        now = self._now()
        if time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + _FORGET_EVERY
            marks.forget_ended(connection, now)
        ids = [each.message.id for each in deliveries if isinstance(each.message, Message)]
        marked = self._statements.marked(connection, ids, now)
        return (
            [replace(each, revoked=True) if _is_of(each, marked) else each for each in deliveries]
            if marked
            else deliveries
        )

    def _take(self, connection: Any, limit: int, lost: dict[str, int]) -> list[Claimed]:
        """What was claimed; into `lost`, who lost how much."""
        now = self._now()
        lost.clear()
        every = self._statements.upkeep_every
        if not self._upkeep_at - every <= now < self._upkeep_at:  # whichever way the clock was set
            self._upkeep_at = now + every
            lost.update(self._statements.take_back(connection, now))
            if lost:
                self._engine.notify(connection, CHANNEL)  # it may be more than is taken here
            self._statements.promote(connection, now)
        return self._statements.claim(connection, self.id, self._lease, self._queues, limit, now)

    def _wait(self, seconds: float) -> None:
        if self._wakeup is None:
            # Made by the first wait, and that look is repeated: what came before did not ring it.
            self._wakeup = self._engine.listen(CHANNEL)
        elif seconds > 0:
            self._wakeup.wait(seconds)

    def _settle_held(self, connection: Any, transitions: Sequence[Transition]) -> list[Transition]:
        """The slow way: ask first which deliveries are still held, then settle those."""
        held = held_by(connection, self.id, [each.delivery.tag for each in transitions], lock=True)
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
            message=unpack(row.blob if isinstance(row.blob, bytes) else bytes_of(row.blob)),
            queue=row.queue,
            tag=row.seq,
            fence=row.fence,
            crashes=row.crashes,
            suspect=bool(row.suspect),
        )
        for row in claimed
    ]


def _is_of(delivery: Delivery, ids: Collection[str]) -> bool:
    return isinstance(delivery.message, Message) and delivery.message.id in ids
