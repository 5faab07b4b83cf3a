"""Reading a whole queue without taking anything out of it, as far as AMQP allows: all is taken, and what is kept is given back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, NamedTuple

from kernelq.amqp import AmqpEngine, Wire


class Letter(NamedTuple):
    """One message found: pika's method and properties, and the body."""

    method: Any
    properties: Any
    body: bytes


def left_behind(wire: Wire, name: str) -> int:
    """How many messages of a queue are ready now; all that the server sent to this channel before is here when it returns.

    Two questions: the server's channel answers the first out of turn, before deliveries that wait in it; the second it does not.
    """
    frame = wire.ask(lambda channel, done: channel.queue_declare(name, passive=True, callback=done))
    wire.ask(lambda channel, done: channel.basic_qos(callback=done))
    return int(frame.method.message_count)


class Reading:
    """A look through one queue. Meanwhile nobody else sees its messages."""

    def __init__(self, wire: Wire, name: str) -> None:
        self._wire = wire
        self._name = name
        self._found: SimpleQueue[Letter] = SimpleQueue()

    def letters(self) -> Iterator[Letter]:
        """Every ready message, oldest first."""
        self._wire.ask(lambda channel, done: channel.basic_consume(self._name, self._on_letter, callback=done))
        is_over = False
        while not is_over:
            is_over = not left_behind(self._wire, self._name)
            while not self._found.empty():
                yield self._found.get()

    def drop(self, letter: Letter) -> None:
        """Take one out of the queue for good."""
        self._wire.tell(lambda channel: channel.basic_ack(letter.method.delivery_tag))

    def give_back(self) -> None:
        """Put all but the dropped back into their places; done when this returns."""
        self._wire.ask(self._begin_to_give_back)

    def _on_letter(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self._found.put(Letter(method, properties, body))

    def _begin_to_give_back(self, channel: Any, done: Any) -> None:
        def on_cancelled(frame: Any) -> None:
            channel.basic_nack(0, multiple=True, requeue=True)  # 0: all of this channel
            channel.basic_qos(callback=done)

        tags = channel.consumer_tags
        if tags:
            channel.basic_cancel(tags[0], on_cancelled)
        else:
            on_cancelled(None)


@contextmanager
def reading(engine: AmqpEngine, name: str) -> Iterator[Reading]:
    """A look through the queue `name`, which must be there; at its end everything is back in its place."""
    wire = engine.wire()
    try:
        look = Reading(wire, name)
        yield look
        look.give_back()
    finally:
        wire.close()
