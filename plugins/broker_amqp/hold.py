"""Holds: what a lane has in hand, and the queue where it puts what it has marked as started.

AMQP has no way to write on a message. So a delivery that is to be marked is exchanged for a copy that bears the mark, in
a queue that only this consumer reads. When its process dies the copy goes back into that queue, lives there for `GRACE`,
and is then dead-lettered by the server into the queue it belongs to: a message that comes from there has
surely been running when its process died. Within the grace the worker's supervisor may take it over instead.
"""

from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

from kernelq.amqp import AmqpEngine, Parcel
from kernelq.contracts import BrokerUnavailable, Delivery
from msgspec.structs import replace

from .envelope import MARK, TO, again, record_of
from .inbox import Arrival, Inbox
from .ladder import OUT, ignore
from .plan import QUORUM, Plan

GRACE = 2000
"""Milliseconds; a supervisor takes over within some tens of them."""

UNUSED = 600_000
"""Milliseconds after which a hold queue that nobody uses is deleted; it is empty long before."""

ARRIVAL = 4.0
"""Seconds a confirmed copy may take from its queue to us."""


class Hold:
    """One delivery in a lane's hand; `Delivery.tag`."""

    __slots__ = ("arrival", "fence", "is_marked", "tag")

    def __init__(self, arrival: Arrival, fence: int) -> None:
        self.arrival = arrival
        self.fence = fence
        self.tag = arrival.tag
        """Its delivery tag on the consumer's channel; another one once it is marked."""
        self.is_marked = False


def hold_of(delivery: Delivery) -> Hold:
    """The hold of a delivery of this broker."""
    assert isinstance(delivery.tag, Hold)
    return delivery.tag


def arguments(queue_type: str) -> dict[str, Any]:
    """Arguments of a hold queue."""
    found: dict[str, Any] = {"x-message-ttl": GRACE, "x-expires": UNUSED, "x-dead-letter-exchange": OUT}
    if queue_type == QUORUM:
        found |= {"x-queue-type": QUORUM, "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
    return found


class HoldQueue:
    """The hold queue of one consumer, declared and read from its first mark on."""

    def __init__(self, engine: AmqpEngine, inbox: Inbox, plan: Plan, consumer_id: str) -> None:
        self._engine = engine
        self._inbox = inbox
        self._wire = inbox.wire
        self._plan = plan
        self.name = plan.hold_name(consumer_id)
        self._is_open = False
        self._expected = ""  # the mark that is awaited
        self._arrived: dict[str, int] = {}  # mark → tag; written by the connection's thread
        self._news = threading.Condition()

    def exchange(self, delivery: Delivery) -> None:
        """Put a marked copy in the place of a delivery, which is acknowledged."""
        self._open()
        hold, mark = hold_of(delivery), uuid4().hex
        arrival = hold.arrival
        record = replace(
            record_of(arrival.properties),
            fence=hold.fence,
            crashes=delivery.crashes,
            suspect=True,
            started=True,
            queue=delivery.queue,
        )
        to = {TO: self._plan.name(delivery.queue), MARK: mark}
        self._expected = mark
        self._engine.publish([Parcel("", self.name, arrival.body, again(arrival.properties, record, **to))])
        before, hold.tag, hold.is_marked = hold.tag, self._await(mark), True
        self._inbox.answer(acks=[before], is_awaited=True)  # or a task that ends the process at once would leave both

    def delete(self) -> None:
        """Take it off the server, if it was opened; everything in it was answered."""
        if self._is_open:
            self._is_open = False
            try:
                self._wire.ask(lambda channel, done: channel.queue_delete(self.name, callback=done))
            except BrokerUnavailable:
                pass  # it goes by itself once it is unused for long enough

    def _open(self) -> None:
        if self._is_open:
            return

        def begin(channel: Any, done: Any) -> None:
            channel.queue_declare(self.name, durable=True, arguments=arguments(self._plan.delay_type), callback=ignore)
            channel.basic_qos(prefetch_count=0, callback=ignore)  # no limit: only we put something in
            channel.basic_consume(self.name, self._on_message, callback=done)

        self._wire.ask(begin)
        self._is_open = True

    def _await(self, mark: str) -> int:
        with self._news:
            if not self._news.wait_for(lambda: mark in self._arrived or self._wire.ended is not None, ARRIVAL):
                raise BrokerUnavailable(f"a marked copy did not come back from {self.name!r} within {ARRIVAL:g} s")
            if self._wire.ended is not None:
                raise self._wire.ended
            return self._arrived.pop(mark)

    def _on_message(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        mark = properties.headers[MARK]
        if mark != self._expected:
            # What this consumer marked on a connection that it lost: dead-lettered, as after the grace, into its own queue.
            channel.basic_reject(method.delivery_tag, requeue=False)
            return
        self._inbox.note(method.delivery_tag)
        with self._news:
            self._arrived[mark] = method.delivery_tag
            self._news.notify_all()
