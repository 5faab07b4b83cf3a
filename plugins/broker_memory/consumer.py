"""The memory consumer: claims, settles and gives back under the engine's one lock."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from kernelq.contracts import Consumer, Delivery, Message, Transition, Verdict, unpack

from .engine import MemoryEngine
from .ledger import Entry, Lease, Ledger


class MemoryConsumer(Consumer):
    """A hold on some queues of a `MemoryBroker`. Fetching begins the lease anew, for who fetches lives."""

    def __init__(self, engine: MemoryEngine, queues: Sequence[str], *, id: str, lease: float) -> None:
        self.id = id
        self._engine = engine
        self._queues = tuple(queues)
        self._lasts = lease
        self._woken = False  # written under the lock, by any thread
        with engine.condition:
            self._begin_lease()

    def fetch(self, limit: int, timeout: float) -> list[Delivery]:
        deadline = time.monotonic() + timeout
        with self._engine.condition:
            while True:
                deliveries = self._claim(limit)
                left = deadline - time.monotonic()
                if deliveries or self._woken or left <= 0:
                    break
                change = self._ledger.next_change(self._queues) - self._engine.now()
                self._engine.condition.wait(min(left, change))
            self._woken = False
            return deliveries

    def settle(self, transitions: Sequence[Transition]) -> list[Transition]:
        refused = []
        with self._engine.condition:
            # They wake when the lock is free; asked first, so that an effect that raises cannot prevent it.
            self._engine.condition.notify_all()
            for transition in transitions:
                entry = self._held(transition.delivery)
                if entry is None:
                    refused.append(transition)
                else:
                    self._carry_out(transition, entry)
        return refused

    def mark_started(self, deliveries: Sequence[Delivery]) -> None:
        with self._engine.condition:
            for delivery in deliveries:
                entry = self._held(delivery)
                if entry is not None:
                    entry.started = True

    def take_over(self, consumer_id: str) -> list[Delivery]:
        with self._engine.condition:
            lost = self._ledger.leases.pop(consumer_id, None)
            if lost is None:
                return []
            self._begin_lease()
            return self._hand_out(lost.held[place] for place in sorted(lost.held))

    def held(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        with self._engine.condition:
            return [delivery for delivery in deliveries if self._held(delivery) is not None]

    def wake(self) -> None:
        with self._engine.condition:
            self._woken = True
            self._engine.condition.notify_all()

    def close(self) -> None:
        with self._engine.condition:
            lease = self._ledger.leases.pop(self.id, None)
            if lease is not None:
                for entry in lease.held.values():
                    self._ledger.put(entry, now=self._engine.now())
            self._engine.condition.notify_all()

    @property
    def _ledger(self) -> Ledger:
        return self._engine.space("broker", Ledger)

    def _begin_lease(self) -> Lease:
        lease = self._ledger.leases.setdefault(self.id, Lease(0.0, self._lasts))
        lease.ends_at = self._engine.now() + self._lasts
        return lease

    def _claim(self, limit: int) -> list[Delivery]:
        now = self._engine.now()
        self._ledger.take_back(now)
        self._begin_lease()
        return self._hand_out(self._ledger.claim(self._queues, limit, now))

    def _hand_out(self, entries: Iterable[Entry]) -> list[Delivery]:
        held = self._ledger.leases[self.id].held
        deliveries = []
        for entry in entries:
            entry.fence += 1
            entry.started = False  # that mark was the last holder's
            held[entry.place] = entry
            deliveries.append(self._delivery(entry))
        if deliveries:
            # Who waits must learn of a lease that may end before the wait does.
            self._engine.condition.notify_all()
        return deliveries

    def _held(self, delivery: Delivery) -> Entry | None:
        """The entry, if this consumer still holds it under the delivery's fence.

        A lease that ended counts until somebody takes its messages back: up to then the attempt is
        the only one, and refusing it would only run the task twice.
        """
        lease = self._ledger.leases.get(self.id)
        entry = lease.held.get(delivery.tag) if lease else None
        return entry if entry is not None and entry.fence == delivery.fence else None

    def _carry_out(self, transition: Transition, entry: Entry) -> None:
        ledger, now = self._ledger, self._engine.now()
        # Effects first: one that raises leaves the transition undone, as a rolled back transaction would.
        messages = list(transition.successors)
        for effect in transition.effects:
            messages += effect.store.apply_within(None, [effect.op])
        ledger.publish(messages, now)
        del ledger.leases[self.id].held[entry.place]
        match transition.verdict:
            case Verdict.ACK:
                del ledger.alive[entry.key]
            case Verdict.REQUEUE:
                ledger.put(entry, now=now)
            case Verdict.PARK:
                ledger.put(entry, now=now, due=now + transition.delay)
            case Verdict.CRASHED:
                entry.crashes += 1
                ledger.put(entry, now=now)
            case Verdict.DEAD:
                ledger.bury(entry, transition.reason, now)

    def _delivery(self, entry: Entry) -> Delivery:
        message = unpack(entry.raw)
        ledger = self._ledger
        return Delivery(
            message=message,
            queue=entry.queue,
            tag=entry.place,
            fence=entry.fence,
            crashes=entry.crashes,
            suspect=entry.suspect,
            revoked=isinstance(message, Message) and ledger.is_revoked(message.id, self._engine.now()),
        )
