"""Copies of what was received: where each verdict that AMQP has no word for sends a message."""

from __future__ import annotations

import time
from typing import NamedTuple
from uuid import uuid4

from kernelq.amqp import Parcel
from kernelq.contracts import Delivery, Transition, Verdict
from msgspec.structs import replace

from . import ladder
from .envelope import again, record_of
from .hold import hold_of
from .plan import Plan
from .topology import Topology


class Copy(NamedTuple):
    """What is to be published, and the queue of work it belongs to."""

    queue: str
    parcel: Parcel


class Copies:
    """Makes the copies; each counts on from the delivery it is made of."""

    def __init__(self, plan: Plan, topology: Topology) -> None:
        self._plan = plan
        self._topology = topology

    def of(self, transition: Transition) -> Copy:
        """The copy that a transition leaves behind."""
        delivery = transition.delivery
        match transition.verdict:
            case Verdict.PARK:
                return self.later(delivery, transition.delay)
            case Verdict.CRASHED:
                return self.now(delivery, crashes=delivery.crashes + 1)
            case Verdict.DEAD:
                return self._dead(delivery, transition.reason)
        return self.now(delivery)

    def now(self, delivery: Delivery, *, crashes: int | None = None) -> Copy:
        """A copy in the delivery's queue, at its end."""
        hold = hold_of(delivery)
        record = replace(
            record_of(hold.arrival.properties),
            fence=hold.fence,
            crashes=delivery.crashes if crashes is None else crashes,
            suspect=False,
            started=False,
            queue="",
        )
        properties = again(hold.arrival.properties, record)
        return Copy(delivery.queue, Parcel("", self._plan.name(delivery.queue), hold.arrival.body, properties))

    def later(self, delivery: Delivery, delay: float) -> Copy:
        """A copy that comes into the delivery's queue after `delay` seconds."""
        self._topology.ladder.ensure()
        copy = self.now(delivery).parcel
        exchange, key = ladder.entry(delay)
        headers = {**copy.properties["headers"], **ladder.ticket(self._plan.name(delivery.queue), delay)}
        return Copy(delivery.queue, Parcel(exchange, key, copy.body, {**copy.properties, "headers": headers}))

    def _dead(self, delivery: Delivery, reason: str) -> Copy:
        hold = hold_of(delivery)
        record = replace(
            record_of(hold.arrival.properties),
            fence=hold.fence,
            crashes=delivery.crashes,
            started=False,
            queue=delivery.queue,
            dead={"reason": reason, "died_at": time.time(), "ref": uuid4().hex},
        )
        name = self._topology.ensure_dead(delivery.queue)
        return Copy(delivery.queue, Parcel("", name, hold.arrival.body, again(hold.arrival.properties, record)))
