"""The register: which queues there are, for AMQP has no way to ask.

A queue of names on the server: each message is one. Reading it takes all and gives them back.
"""

from __future__ import annotations

from kernelq.amqp import AmqpEngine, Parcel
from kernelq.contracts import BrokerFull

from .envelope import PERSISTENT
from .plan import Plan
from .reading import reading


class Register:
    """The names of the queues that were ever used, by any process."""

    def __init__(self, engine: AmqpEngine, plan: Plan) -> None:
        self._engine = engine
        self._name = plan.register_name
        self._known: set[str] = set()

    def add(self, queue: str) -> None:
        """Write a queue down, unless it is."""
        if queue in self._known or queue in self.names():
            return
        try:
            self._engine.publish([Parcel("", self._name, queue.encode(), {"delivery_mode": PERSISTENT})])
        except BrokerFull:
            return  # a worker that only takes from the queue may begin while the server blocks publishers
        self._known.add(queue)

    def names(self) -> list[str]:
        """Every queue written down, sorted. Two processes may have written down the same one; one of them is dropped."""
        self._engine.ask(lambda channel, done: channel.queue_declare(self._name, durable=True, callback=done))
        seen: set[str] = set()
        with reading(self._engine, self._name) as look:
            for letter in look.letters():
                name = letter.body.decode(errors="replace")
                if name in seen:
                    look.drop(letter)
                seen.add(name)
        self._known |= seen
        return sorted(seen)

    def remove(self, queue: str) -> None:
        """Strike a queue out, if it is there."""
        if queue not in self.names():
            return
        with reading(self._engine, self._name) as look:
            for letter in look.letters():
                if letter.body.decode(errors="replace") == queue:
                    look.drop(letter)
        self._known.discard(queue)
