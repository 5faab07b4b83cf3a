"""One lane's hold on some queues: fetch, settle, mark, give back. Its lease is its connection."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from threading import Lock

from kernelq.amqp import AmqpEngine, Link
from kernelq.contracts import BrokerFull, BrokerUnavailable, Consumer, Delivery, Message, Transition, Verdict

from .copies import Copies, Copy
from .envelope import WAITED, ident_of
from .hold import HoldQueue, hold_of
from .inbox import Arrival, Inbox
from .memory import Memory
from .plan import Plan
from .reader import Reader
from .topology import Topology

GIVEN_BACK_MOST = 8
"""Hand-outs of one copy after which it is replaced by a fresh one: a quorum queue of RabbitMQ 4 drops what was given back 20 times."""

NEVER = {"x-consumer-timeout": 2**31 * 1000}
"""Argument of a consumer, RabbitMQ 4.3: how long a task may run before the server gives its message to others; ms."""

EARLY = 0.001
"""Seconds before its eta from which a message may run: what a clock is read to."""


class AmqpConsumer(Consumer):
    """A consumer of `queues` on a connection of its own, made at once when there are queues."""

    def __init__(
        self,
        engine: AmqpEngine,
        plan: Plan,
        topology: Topology,
        memory: Memory,
        queues: Sequence[str],
        *,
        id: str,
        heartbeat: float,
        send: Callable[[Sequence[Message], Sequence[Copy]], None],
        is_limited: Callable[[Message], bool],
    ) -> None:
        self.id = id
        self._engine = engine
        self._plan = plan
        self._topology = topology
        self._memory = memory
        self._queues = tuple(dict.fromkeys(queues))
        self._heartbeat = heartbeat
        self._send = send
        self._copies = Copies(plan, topology)
        self._reader = Reader(memory, is_limited)
        self._lock = Lock()  # guards `_held`
        self._held: dict[int, Delivery] = {}  # by the tag they came with
        self._link: Link | None = None
        self._inbox: Inbox | None = None
        self._hold: HoldQueue | None = None
        if queues:
            self._open({plan.name(queue): queue for queue in self._queues})

    @property
    def is_lost(self) -> bool:
        """Whether its connection has ended, and with it the lease."""
        return self._inbox is not None and self._inbox.wire.ended is not None

    def fetch(self, limit: int, timeout: float) -> list[Delivery]:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit!r}")
        assert self._inbox is not None, "a consumer without queues has nothing to fetch"
        deadline = time.monotonic() + timeout
        while True:
            left = max(0.0, deadline - time.monotonic())
            arrivals = self._inbox.take(limit, left, held=len(self._held))
            deliveries = self._accept(arrivals)
            if deliveries or not arrivals:
                return deliveries

    def settle(self, transitions: Sequence[Transition]) -> list[Transition]:
        accepted, refused = self._split(transitions)
        if not accepted:
            return refused
        inbox = self._inbox
        assert inbox is not None
        successors = [message for transition in accepted for message in transition.successors]
        copied = [each for each in accepted if self._needs_copy(each)]
        if (successors or copied) and not self._is_leased():
            return list(transitions)
        self._send(successors, [self._copies.of(transition) for transition in copied])
        given = [each.delivery for each in accepted if each.verdict is Verdict.REQUEUE and not self._needs_copy(each)]
        requeued = {id(delivery) for delivery in given}
        self._memory.note(_note(delivery) for delivery in given)
        inbox.answer(
            acks=[hold_of(each.delivery).tag for each in accepted if id(each.delivery) not in requeued],
            nacks=[hold_of(delivery).tag for delivery in given],
            is_awaited=True,
        )
        self._let_go(each.delivery for each in accepted)
        return refused

    def mark_started(self, deliveries: Sequence[Delivery]) -> None:
        held = self.held(deliveries)
        if not held:
            return
        assert self._inbox is not None
        if self._hold is None:
            self._hold = HoldQueue(self._engine, self._inbox, self._plan, self.id)
        for delivery in held:
            if not hold_of(delivery).is_marked:
                self._hold.exchange(delivery)

    def take_over(self, consumer_id: str) -> list[Delivery]:
        name = self._plan.hold_name(consumer_id)
        if not self._topology.wait_for_orphans(name):
            return []
        self._open({name: ""})
        assert self._inbox is not None
        return [self._keep(self._reader.taken_over(arrival)) for arrival in self._inbox.take(MANY, 0, held=0)]

    def held(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        with self._lock:
            mine = [each for each in deliveries if self._has(each)]
        return mine if mine and self._is_leased() else []

    def wake(self) -> None:
        if self._inbox is not None:
            self._inbox.wake()

    def discard(self) -> None:
        if self._link is not None:
            self._link.drop()
        with self._lock:
            self._held.clear()

    def close(self) -> None:
        link, inbox = self._link, self._inbox
        if link is None or inbox is None:
            return
        try:
            if not self.is_lost:
                self._give_all_back(inbox)
        except BrokerUnavailable:
            pass  # the server gives back what a lost connection held
        link.close()
        with self._lock:
            self._held.clear()

    def waiting(self) -> dict[str, int]:
        """Queue → messages that were sent here and not fetched yet."""
        return {} if self._inbox is None or self.is_lost else self._inbox.count()

    def running(self) -> list[str]:
        """The queue of each delivery held."""
        with self._lock:
            return [delivery.queue for delivery in self._held.values()]

    # --- coming in

    def _open(self, names: dict[str, str]) -> None:
        for queue in self._queues:
            self._topology.forget(queue)  # it may have been deleted since
            self._topology.ensure(queue)
        self._link = self._engine.connect(name=f"kernelq {self.id}", heartbeat=self._heartbeat)
        self._inbox = Inbox(self._link, names, on_given_back=self._on_given_back, arguments=NEVER)

    def _accept(self, arrivals: Sequence[Arrival]) -> list[Delivery]:
        """Deliveries of what may run now; what may not is moved to where it waits."""
        deliveries = [self._reader.delivery(arrival) for arrival in arrivals]
        moved: list[tuple[Delivery, Copy]] = []
        kept: list[Delivery] = []
        now = time.time()
        for delivery in deliveries:
            eta = delivery.message.eta if isinstance(delivery.message, Message) else None
            has_waited = WAITED in (hold_of(delivery).arrival.properties["headers"] or {})  # by the server's clock
            if eta is not None and not has_waited and eta - now > EARLY:
                moved.append((delivery, self._copies.later(delivery, eta - now)))
            elif self._reader.given_back(delivery) >= GIVEN_BACK_MOST:
                moved.append((delivery, self._copies.now(delivery)))
            else:
                kept.append(delivery)
        if moved:
            self._move(moved, kept)
        return [self._keep(delivery) for delivery in kept]

    def _move(self, moved: Sequence[tuple[Delivery, Copy]], kept: Sequence[Delivery]) -> None:
        inbox = self._inbox
        assert inbox is not None
        try:
            self._send((), [copy for _, copy in moved])
        except BrokerFull:
            # Nothing of this fetch reaches the lane; the next one begins with it.
            inbox.answer(acks=(), nacks=[hold_of(each).tag for each in (*kept, *(delivery for delivery, _ in moved))])
            raise
        inbox.answer(acks=[hold_of(delivery).tag for delivery, _ in moved])

    def _keep(self, delivery: Delivery) -> Delivery:
        with self._lock:
            self._held[hold_of(delivery).arrival.tag] = delivery
        return delivery

    # --- going out

    def _has(self, delivery: Delivery) -> bool:
        return self._held.get(hold_of(delivery).arrival.tag) is delivery and not self.is_lost

    def _split(self, transitions: Sequence[Transition]) -> tuple[list[Transition], list[Transition]]:
        accepted: dict[int, Transition] = {}
        refused: list[Transition] = []
        with self._lock:
            for transition in transitions:
                tag = hold_of(transition.delivery).arrival.tag
                if tag not in accepted and self._has(transition.delivery):
                    accepted[tag] = transition
                else:
                    refused.append(transition)
        return list(accepted.values()), refused

    def _needs_copy(self, transition: Transition) -> bool:
        if transition.verdict is Verdict.REQUEUE:
            return hold_of(transition.delivery).is_marked  # its place is in a hold queue now
        return transition.verdict is not Verdict.ACK

    def _is_leased(self) -> bool:
        """Whether the server still counts us as the holder: one round trip, which a lost connection does not survive."""
        assert self._inbox is not None
        try:
            self._inbox.sync()
        except BrokerUnavailable:
            return False
        return True

    def _let_go(self, deliveries: Iterable[Delivery]) -> None:
        with self._lock:
            for delivery in deliveries:
                self._held.pop(hold_of(delivery).arrival.tag, None)

    def _give_all_back(self, inbox: Inbox) -> None:
        with self._lock:
            held = list(self._held.values())
        marked = [delivery for delivery in held if hold_of(delivery).is_marked]
        plain = [delivery for delivery in held if not hold_of(delivery).is_marked]
        self._send((), [self._copies.now(delivery) for delivery in marked])
        self._memory.note(_note(delivery) for delivery in plain)
        self._let_go(held)
        inbox.rest()  # first: or the server would send at once what goes back
        inbox.answer(
            acks=[hold_of(delivery).tag for delivery in marked],
            nacks=[hold_of(delivery).tag for delivery in plain],
            is_awaited=True,
        )
        if self._hold is not None:
            self._hold.delete()

    def _on_given_back(self, arrivals: Sequence[Arrival]) -> None:
        self._memory.note(self._reader.note(arrival) for arrival in arrivals)


MANY = 10_000
"""Deliveries taken over at once; a child has one."""


def _note(delivery: Delivery) -> tuple[str, str, int] | None:
    """What is to be remembered of one that goes back; nothing of a suspect, which is to be suspect when it comes again."""
    hold = hold_of(delivery)
    return None if delivery.suspect else (delivery.queue, ident_of(hold.arrival.properties), hold.fence)
