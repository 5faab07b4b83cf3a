"""The ladder: messages wait in the server for any time, and none holds up another.

One queue for each power of two of `UNIT` milliseconds, whose messages all live exactly as long as each other, so
that the first in is always the first out. A message climbs down: its routing key is its delay in binary, a word for each bit,
and at each rung a topic exchange sends it into the rung's queue (1) or on to the next rung (0); a message whose
time in a queue is over is dead-lettered to the next rung. Below the last, a headers exchange gives it to the queue that its
header `envelope.TO` names.

Source: the delay infrastructure of NServiceBus for RabbitMQ, which Celery's native delayed delivery follows too.
"""

from __future__ import annotations

import math
from typing import Any

from kernelq.amqp import AmqpEngine, NotThere

from .envelope import TO, WAITED
from .plan import QUORUM

UNIT = 50
"""Milliseconds: how fine a delay is."""
RUNGS = 26
"""Powers of two: 2**26 * 50 ms are 38 days. A message due later than that is moved again when it arrives."""
LONGEST = (2**RUNGS - 1) * UNIT / 1000

OUT = "kernelq.delay.out"
_LAST_STEP = "kernelq.delay.complete"


def rung(number: int) -> str:
    """The name of a rung's exchange and queue."""
    return f"kernelq.delay.{number:02d}"


def entry(delay: float) -> tuple[str, str]:
    """(exchange, routing key) by which a message waits `delay` seconds, rounded up to the unit, at least one."""
    units = max(1, math.ceil(min(delay, LONGEST) * 1000 / UNIT))
    key = ".".join(format(units, f"0{RUNGS}b"))
    return rung(units.bit_length() - 1), key


def ticket(queue: str, delay: float) -> dict[str, Any]:
    """The headers a message needs on the ladder, which lets it into `queue` (as the server names it) at the end."""
    return {TO: queue, WAITED: True} if delay <= LONGEST else {TO: queue}


def arguments(number: int, queue_type: str) -> dict[str, Any]:
    """Arguments of a rung's queue. A quorum queue gives a message up only when the next one has confirmed it."""
    below = rung(number - 1) if number else OUT
    found: dict[str, Any] = {"x-message-ttl": 2**number * UNIT, "x-dead-letter-exchange": below}
    if queue_type == QUORUM:
        found |= {"x-queue-type": QUORUM, "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
    return found


class Ladder:
    """The ladder of one virtual host; made at its first use, if nobody has made it before."""

    def __init__(self, engine: AmqpEngine, queue_type: str) -> None:
        self._engine = engine
        self._type = queue_type
        self._is_there = False

    def ensure(self) -> None:
        """See to it that the ladder is there."""
        if self._is_there:
            return
        if not self._stands():
            self._engine.ask(self._build)
        self._is_there = True

    def forget(self) -> None:
        """Look again at the next use: somebody may have deleted it."""
        self._is_there = False

    def _stands(self) -> bool:
        try:
            self._engine.ask(lambda channel, done: channel.exchange_declare(_LAST_STEP, passive=True, callback=done))
        except NotThere:
            return False
        return True

    def _build(self, channel: Any, done: Any) -> None:
        # Each answer calls nothing but the last: pika sends one after another by itself.
        channel.exchange_declare(OUT, "headers", durable=True, callback=ignore)
        for number in range(RUNGS):
            name, below = rung(number), rung(number - 1) if number else OUT
            before, after = ["*"] * (RUNGS - 1 - number), ["*"] * number
            channel.exchange_declare(name, "topic", durable=True, callback=ignore)
            channel.queue_declare(name, durable=True, arguments=arguments(number, self._type), callback=ignore)
            channel.queue_bind(name, name, ".".join([*before, "1", *after]), callback=ignore)
            channel.exchange_bind(below, name, ".".join([*before, "0", *after]), callback=ignore)
        # Declared last: who finds it finds all the others.
        channel.exchange_declare(_LAST_STEP, "fanout", durable=True, callback=done)


def ignore(frame: Any) -> None:
    """What the server's consent to a declaration means when another one follows."""
