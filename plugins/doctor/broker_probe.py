"""The broker's checks: messages sent through a queue that nobody else uses."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any, Final

from kernelq import uuid
from kernelq.contracts import (
    Broker,
    BrokerUnavailable,
    Capabilities,
    Consumer,
    Delivery,
    Message,
    Transition,
    Undecodable,
)

from .check import Check, failed, milliseconds, ok, warning

ROUNDS: Final = 20
"""Round trips whose median is told."""

PATIENCE: Final = 10.0
"""Seconds a message may take to come."""

LEASE: Final = 30.0
"""Seconds; longer than any step, so that nothing comes twice."""

DELAY: Final = 1.0
"""Seconds the message for later waits."""

TOLERANCE: Final = 0.5
"""Seconds a message may come beside its time before the clocks are doubted."""

PRIORITIES: Final = (1, 9, 5)
"""In the order of publishing."""

CAPABILITIES: Final = {
    "durable": "keeps messages when processes end",
    "processes": "serves several processes",
    "delay": "holds messages for later",
    "leases": "leases and fences",
    "transactions": "commits an outcome with its acknowledgement",
    "push": "wakes who waits",
    "dedup": "drops a message published twice",
    "revoking": "keeps marks of revoked tasks",
    "inventory": "counts what runs",
}
"""Field of `Capabilities` → what it says, in few words."""


class BrokerProbe:
    """Sends messages through a private queue and takes them out again. Used by one thread; `close` cleans up."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.queue = f"kernelq-doctor-{uuid()}"
        self._opened: Consumer | None = None
        self._has_tried = self._has_sent = False

    def checks(self) -> Iterator[Check]:
        """Every check in turn, none after a message got lost; an error of the engine goes to the caller."""
        can = self._broker.capabilities
        yield from _declared(can)
        delivery = self._delivery()
        yield delivery
        if delivery.level == "failed":
            return
        if can.priorities > 1:
            yield self._priorities()
        if can.delay:
            yield self._delay()
        if can.leases:
            yield self._lease()
        yield self._pace()

    def close(self) -> None:
        """Leave nothing of ours on the server.

        Raises:
            BrokerUnavailable: the queue could not be emptied.
        """
        if not self._has_tried:
            return
        try:
            self._consumer.close()
            self._broker.drop(self.queue)
        except BrokerUnavailable:
            if self._has_sent:  # else there is most likely nothing, and the reader knows by now what is wrong
                raise

    # --- the checks

    def _delivery(self) -> Check:
        sent = self._send()
        came = self._take(1)
        if not came:
            return failed("delivery", f"a message was published, and nothing came back in {PATIENCE:g} s")
        if _identity(came[0].message) != _identity(sent[0]):
            return failed(
                "delivery", "a message was published, and came back changed", "is something between us and it?"
            )
        if self._acknowledge(came):
            return failed("delivery", "the acknowledgement of a message just fetched was refused")
        return ok("delivery", "a message was published, fetched and acknowledged")

    def _priorities(self) -> Check:
        self._send(*({"priority": priority} for priority in PRIORITIES))
        came = self._take(len(PRIORITIES))
        self._acknowledge(came)
        order = [getattr(delivery.message, "priority", None) for delivery in came]
        if order == sorted(PRIORITIES, reverse=True):
            return ok("priorities", f"the higher came sooner: {_joined(order)}")
        return failed(
            "priorities",
            f"published with {_joined(PRIORITIES)}, they came as {_joined(order)}",
            "is the queue older than this version, or made by somebody else without priorities?",
        )

    def _delay(self) -> Check:
        eta = time.time() + DELAY
        self._send({"eta": eta})
        came = self._take(1, due_in=DELAY)
        late = time.time() - eta
        self._acknowledge(came)
        if not came:
            return failed(
                "delay",
                f"a message due in {DELAY:g} s had not come {PATIENCE:g} s after that",
                "compare the clocks of the server and of this machine; run ntpd, chrony or timesyncd on both",
            )
        if -TOLERANCE <= late <= TOLERANCE:
            return ok("delay", f"a message due in {DELAY:g} s came {_beside(late)}")
        return warning(
            "delay",
            f"a message due in {DELAY:g} s came {_beside(late)}",
            "the clocks of the server and of this machine are apart, or the server is slow; "
            "run ntpd, chrony or timesyncd on both",
        )

    def _lease(self) -> Check:
        self._send()
        came = self._take(1)
        lost = self._broker.renew([self._consumer.id])
        refused = self._acknowledge(came)
        if lost or refused or not came:
            return failed("lease", f"a lease of {LEASE:g} s had ended before it could be renewed")
        return ok("lease", "renewed")

    def _pace(self) -> Check:
        marks = []
        for number in range(1, ROUNDS + 1):
            mark = self._round()
            if mark is None:
                return failed("round trips", f"message {number} of {ROUNDS} did not come back in {PATIENCE:g} s")
            marks.append(mark)
        names = ("publish", "fetch", "acknowledge")
        medians = [milliseconds(median(times)) for times in zip(*marks, strict=True)]
        told = ", ".join(f"{name} {taken}" for name, taken in zip(names, medians, strict=True))
        return ok("round trips", f"{told} (median of {ROUNDS})")

    def _round(self) -> tuple[float, float, float] | None:
        """Seconds to publish, fetch and acknowledge one message; None: it did not come."""
        begun = time.perf_counter()
        self._send()
        published = time.perf_counter()
        came = self._take(1)
        fetched = time.perf_counter()
        if not came:
            return None
        self._acknowledge(came)
        return published - begun, fetched - published, time.perf_counter() - fetched

    # --- one step each

    @property
    def _consumer(self) -> Consumer:
        if self._opened is None:
            self._opened = self._broker.consumer([self.queue], id=self.queue, lease=LEASE)
        return self._opened

    def _send(self, *fields: dict[str, Any]) -> list[Message]:
        now = time.time()
        messages = [
            Message(id=uuid(), task="kernelq.doctor", body=b"[[],{},null]", queue=self.queue, sent_at=now, **each)
            for each in fields or ({},)
        ]
        self._has_tried = True
        self._broker.publish(messages)
        self._has_sent = True
        return messages

    def _take(self, count: int, *, due_in: float = 0.0) -> list[Delivery]:
        came: list[Delivery] = []
        deadline = time.monotonic() + due_in + PATIENCE
        while len(came) < count and (left := deadline - time.monotonic()) > 0:
            came += self._consumer.fetch(count - len(came), left)
        return came

    def _acknowledge(self, deliveries: Sequence[Delivery]) -> list[Transition]:
        return self._consumer.settle([Transition(delivery=delivery) for delivery in deliveries])


def _declared(can: Capabilities) -> Iterator[Check]:
    able = [text for field, text in CAPABILITIES.items() if getattr(can, field)]
    unable = [text for field, text in CAPABILITIES.items() if not getattr(can, field)]
    order = f"knows {can.priorities} priorities" if can.priorities > 1 else "knows no priorities"
    yield ok("abilities", "; ".join([*able, order]) + (f". Not: {'; '.join(unable)}" if unable else ""))
    if not can.durable:
        yield warning("abilities", "what waits is lost when the engine ends", "choose a durable one for what matters")
    if not can.processes:
        yield warning("abilities", "no other process sees its messages", "use it for tests only")


def _identity(message: Message | Undecodable) -> tuple[Any, ...]:
    """What no engine may change; some fill in how they routed it."""
    return (message.id, message.task, message.body) if isinstance(message, Message) else ()


def _beside(late: float) -> str:
    return f"{abs(late):.2f} s {'after' if late >= 0 else 'before'} its time"


def _joined(numbers: Sequence[Any]) -> str:
    return ", ".join(map(str, numbers)) or "nothing"
