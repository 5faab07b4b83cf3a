"""Topology: queues, exchanges and bindings, declared when they are first needed."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from kernelq.amqp import AmqpEngine, Different, NotThere
from kernelq.contracts import BrokerRefused, CapabilityMissing, Message
from kernelq.routing import Broadcast, Exchange, Queue, binding

from .envelope import TO
from .ladder import OUT, Ladder, ignore
from .plan import CLASSIC, SERVERS_OWN, Plan
from .register import Register

log = logging.getLogger("kernelq.amqp")

SEEN_WITHIN = 1.0
"""Seconds in which the server sees that a process is gone whose sockets the system has closed."""


class Topology:
    """What this process has seen to be there. From any thread: declaring twice does no harm."""

    def __init__(self, engine: AmqpEngine, plan: Plan) -> None:
        self._engine = engine
        self._plan = plan
        self.ladder = Ladder(engine, plan.delay_type)
        self.register = Register(engine, plan)
        self._queues: dict[str, tuple[str, str]] = {}  # those that are there → how they are sent to
        self._exchanges: set[str] = set()  # all that we know to be bound to them is there
        self._routes: set[tuple[str, str, str]] = set()
        self._has_told_type = False

    def ensure(self, queue: str) -> tuple[str, str]:
        """See to it that a queue of work is there, bound and known; return how messages that say nothing are sent to it.

        Raises:
            BrokerRefused: it is there with other arguments; says which and what to do.
        """
        if queue in self._queues:
            return self._queues[queue]
        described = self._plan.queues.described(queue)
        ways = [(self._plan.exchange(way.exchange), way) for way in described.ways]
        name, arguments = self._plan.name(queue), self._plan.arguments(described)  # what cannot be is said here

        def declare(channel: Any, done: Any) -> None:
            if isinstance(described, Broadcast):
                declare_exchange(channel, ways[0][0], described.exchange, done)
            else:
                declare_queue(channel, name, described, arguments, ways, done)

        try:
            self._engine.ask(declare)
        except Different as error:
            raise self._explained(error, described) from error
        if not isinstance(described, Broadcast):
            self.register.add(queue)
            self._tell_type()
        return self._queues.setdefault(queue, self._plan.way(described))

    def ensure_dead(self, queue: str) -> str:
        """The name of the dead letter queue of `queue`, which is there now."""
        name = self._plan.dead_name(queue)
        if name not in self._queues:
            self._engine.ask(
                lambda channel, done: channel.queue_declare(
                    name, durable=True, arguments=self.dead_arguments, callback=done
                )
            )
            self.register.add(queue)
            self._queues[name] = "", name
        return name

    @property
    def dead_arguments(self) -> dict[str, Any]:
        """Dead letters are read and put back often, which quorum queues of RabbitMQ 4 count and bury in the end: so classic."""
        return {}

    def route(self, message: Message) -> tuple[str, str]:
        """(exchange, routing key) for a message; what it takes to get into its queue by them is there now.

        A retry goes straight into its queue: whoever else was sent the message has nothing to do with it.
        """
        queue, exchange, key = message.queue, message.exchange, message.routing_key or message.queue
        way = self._queues.get(queue) or self.ensure(queue)
        if message.retries:
            return "", self._plan.name(queue)
        if not exchange:
            return way
        name = self._plan.exchange(exchange)
        if self._plan.queues.exchange(exchange) is not None:
            self._ensure_bound(exchange)
        else:
            self._ensure_route(name, key, queue, message.properties.get("exchange_type"))
        return name, key

    def reached(self, message: Message) -> list[str]:
        """The queues that a message is for, by what we know of them: where it goes when it has waited.

        Raises:
            CapabilityMissing: nobody knows them all, for it is for every worker.
        """
        if not message.exchange or message.retries:
            return [message.queue]
        found = self._plan.queues.matching(message.exchange, message.routing_key or message.queue)
        if heard := next((queue for queue in found or () if isinstance(queue, Broadcast)), None):
            raise CapabilityMissing(
                f"cannot send {message.task}: the broadcast {str(heard)!r} goes to the workers that are there, and cannot wait for "
                "them (eta, countdown); send it at its time"
            )
        return [str(queue) for queue in found or ()] or [message.queue]

    def is_for_all(self, queue: str) -> bool:
        """Whether a queue is a broadcast, which may have no hearers."""
        return isinstance(self._plan.queues.find(queue), Broadcast)

    def restore(self, queue: str, exchange: str, key: str) -> None:
        """Declare again what it takes for a message of `queue` to arrive by `exchange` and `key`."""
        self.ensure(queue)
        if key == self._plan.dead_name(queue):
            self.ensure_dead(queue)
        elif self._plan.queues.exchange(known := exchange.removeprefix(self._plan.prefix)) is not None:
            self._ensure_bound(known)
        elif exchange:
            self._ensure_route(exchange, key, queue)

    def forget(self, queue: str) -> None:
        """Look again at the next use: a message could not be routed."""
        for name in (queue, self._plan.dead_name(queue)):
            self._queues.pop(name, None)
        self._exchanges.clear()
        self._routes = {route for route in self._routes if route[2] != queue}

    def delete(self, queue: str) -> None:
        """Take a queue of work off the server, with its exchange when that is its alone; dead letters stay."""
        name, described = self._plan.name(queue), self._plan.queues.described(queue)
        self._engine.ask(lambda channel, done: channel.queue_delete(name, callback=done))
        self.forget(queue)
        if described.exchange == queue:
            try:
                self._engine.ask(lambda channel, done: channel.exchange_delete(name, if_unused=True, callback=done))
            except BrokerRefused:
                pass  # somebody bound another queue to it
        if self.exists(self._plan.dead_name(queue)) is None:
            self.register.remove(queue)

    def forget_all(self) -> None:
        """Look again at every queue, route and the ladder: an exchange is gone."""
        self._queues.clear()
        self._exchanges.clear()
        self._routes.clear()
        self.ladder.forget()

    def exists(self, name: str) -> tuple[int, int] | None:
        """(messages ready, consumers) of a queue on the server by its name there; None when there is none."""
        try:
            frame = self._engine.ask(lambda channel, done: channel.queue_declare(name, passive=True, callback=done))
        except NotThere:
            return None
        return frame.method.message_count, frame.method.consumer_count

    def wait_for_orphans(self, name: str) -> bool:
        """Whether a hold queue is there, once the server has seen that its consumer is gone."""
        deadline = time.monotonic() + SEEN_WITHIN
        while (found := self.exists(name)) is not None:
            if not found[1] or time.monotonic() > deadline:
                return True
            time.sleep(0.02)  # nothing tells when a consumer of somebody else's goes
        return False

    def _ensure_bound(self, exchange: str) -> None:
        """All queues that are bound to an exchange are there, for one that is missing would miss a message."""
        if exchange not in self._exchanges:
            for queue in self._plan.queues.bound(exchange):
                self.ensure(str(queue))
            self._exchanges.add(exchange)

    def _ensure_route(self, exchange: str, key: str, queue: str, kind: str | None = None) -> None:
        if (exchange, key, queue) not in self._routes:
            self._add_route(exchange, key, queue, kind or self._plan.exchange_type)
            self._routes.add((exchange, key, queue))

    def _add_route(self, exchange: str, key: str, queue: str, kind: str) -> None:
        """Bind a queue to an exchange that a message named; one that is there may be of any type."""
        try:
            self._engine.ask(lambda channel, done: channel.exchange_declare(exchange, passive=True, callback=done))
        except NotThere:
            self._engine.ask(
                lambda channel, done: channel.exchange_declare(exchange, kind, durable=True, callback=done)
            )
        name = self._plan.name(queue)
        self._engine.ask(lambda channel, done: channel.queue_bind(name, exchange, key, callback=done))

    def _explained(self, error: Different, queue: Queue) -> BrokerRefused:
        arguments = self._plan.arguments(queue)
        wanted = ", ".join(f"{name}={value}" for name, value in arguments.items()) or "no arguments (classic)"
        return BrokerRefused(
            f"the queue {str(queue)!r} or its exchange is there with other arguments than these settings ask for ({wanted}): {error}. "
            "Either set task_default_queue_type, task_queue_max_priority, task_default_exchange_type, its entry in task_queues or "
            "broker_transport_options['queue_arguments'] as it was declared (Celery declares classic queues unless told otherwise), "
            f"or drain and delete it: rabbitmqctl delete_queue {self._plan.name(queue)!r}"
        )

    def _tell_type(self) -> None:
        if self._plan.max_priority and self._plan.queue_type == CLASSIC and not self._has_told_type:
            self._has_told_type = True
            log.info("queues with priorities are classic ones, which live on one node and are not replicated")


def declare_queue(
    channel: Any, name: str, queue: Queue, arguments: dict[str, Any], ways: Sequence[tuple[str, binding]], done: Any
) -> None:
    """Declare a queue of work with its exchanges and bindings, and that it can be got to from a delay; `done` at the end."""
    channel.queue_declare(name, durable=queue.durable, arguments=arguments, callback=ignore)
    for exchange, way in ways:
        declare_exchange(channel, exchange, way.exchange, ignore)
        channel.queue_bind(name, exchange, way.routing_key, arguments=way.arguments, callback=ignore)
    channel.exchange_declare(OUT, "headers", durable=True, callback=ignore)
    channel.queue_bind(name, OUT, "", arguments={"x-match": "all", TO: name}, callback=done)


def declare_exchange(channel: Any, name: str, exchange: Exchange, done: Any) -> None:
    """Declare an exchange; one of the server's own, or one that is said to be there, is only looked for."""
    is_there = name.startswith(SERVERS_OWN) or exchange.passive or exchange.no_declare
    channel.exchange_declare(
        name, exchange.type, passive=is_there, durable=exchange.durable, auto_delete=exchange.auto_delete,
        arguments=dict(exchange.arguments) or None, callback=done,
    )  # fmt: skip
