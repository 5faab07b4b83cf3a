"""Topology: queues, exchanges and bindings, declared when they are first needed."""

from __future__ import annotations

import logging
import time
from typing import Any

from kernelq.amqp import AmqpEngine, Different, NotThere
from kernelq.contracts import BrokerRefused, Message

from .envelope import TO
from .ladder import OUT, Ladder, ignore
from .plan import CLASSIC, Plan
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
        self._queues: set[str] = set()
        self._routes: set[tuple[str, str, str]] = set()
        self._has_told_type = False

    def ensure(self, queue: str) -> None:
        """See to it that a queue of work is there, bound and known.

        Raises:
            BrokerRefused: it is there with other arguments; says which and what to do.
        """
        if queue in self._queues:
            return
        name, (exchange, key) = self._plan.name(queue), self._plan.binding(queue)
        try:
            self._engine.ask(lambda channel, done: self._declare(channel, name, exchange, key, done))
        except Different as error:
            raise self._explained(error, queue) from error
        self.register.add(queue)
        self._queues.add(queue)
        self._tell_type()

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
            self._queues.add(name)
        return name

    @property
    def dead_arguments(self) -> dict[str, Any]:
        """Dead letters are read and put back often, which quorum queues of RabbitMQ 4 count and bury in the end: so classic."""
        return {}

    def route(self, message: Message) -> tuple[str, str]:
        """(exchange, routing key) for a message; what it takes to get into its queue by them is there now."""
        queue = message.queue
        self.ensure(queue)
        if not message.exchange:
            return self._plan.route(queue)
        exchange, key = self._plan.name(message.exchange), message.routing_key or queue
        self._ensure_route(exchange, key, queue)
        return exchange, key

    def restore(self, queue: str, exchange: str, key: str) -> None:
        """Declare again what it takes for a message of `queue` to arrive by `exchange` and `key`."""
        self.ensure(queue)
        if key == self._plan.dead_name(queue):
            self.ensure_dead(queue)
        elif exchange:
            self._ensure_route(exchange, key, queue)

    def forget(self, queue: str) -> None:
        """Look again at the next use: a message could not be routed."""
        self._queues -= {queue, self._plan.dead_name(queue)}
        self._routes = {route for route in self._routes if route[2] != queue}

    def delete(self, queue: str) -> None:
        """Take a queue of work off the server, with its exchange when that is its alone; dead letters stay."""
        name, (exchange, _) = self._plan.name(queue), self._plan.binding(queue)
        self._engine.ask(lambda channel, done: channel.queue_delete(name, callback=done))
        self.forget(queue)
        if exchange == name:
            try:
                self._engine.ask(lambda channel, done: channel.exchange_delete(exchange, if_unused=True, callback=done))
            except BrokerRefused:
                pass  # somebody bound another queue to it
        if self.exists(self._plan.dead_name(queue)) is None:
            self.register.remove(queue)

    def forget_all(self) -> None:
        """Look again at every queue, route and the ladder: an exchange is gone."""
        self._queues.clear()
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

    def _declare(self, channel: Any, name: str, exchange: str, key: str, done: Any) -> None:
        channel.queue_declare(name, durable=True, arguments=self._plan.work_arguments, callback=ignore)
        channel.exchange_declare(exchange, self._plan.exchange_type, durable=True, callback=ignore)
        channel.queue_bind(name, exchange, key, callback=ignore)
        channel.exchange_declare(OUT, "headers", durable=True, callback=ignore)
        channel.queue_bind(name, OUT, "", arguments={"x-match": "all", TO: name}, callback=done)

    def _ensure_route(self, exchange: str, key: str, queue: str) -> None:
        if (exchange, key, queue) not in self._routes:
            self._add_route(exchange, key, queue)
            self._routes.add((exchange, key, queue))

    def _add_route(self, exchange: str, key: str, queue: str) -> None:
        """Bind a queue to an exchange that a message named; one that is there may be of any type."""
        try:
            self._engine.ask(lambda channel, done: channel.exchange_declare(exchange, passive=True, callback=done))
        except NotThere:
            kind = self._plan.exchange_type
            self._engine.ask(
                lambda channel, done: channel.exchange_declare(exchange, kind, durable=True, callback=done)
            )
        name = self._plan.name(queue)
        self._engine.ask(lambda channel, done: channel.queue_bind(name, exchange, key, callback=done))

    def _explained(self, error: Different, queue: str) -> BrokerRefused:
        wanted = (
            ", ".join(f"{name}={value}" for name, value in self._plan.work_arguments.items())
            or "no arguments (classic)"
        )
        return BrokerRefused(
            f"the queue {queue!r} or its exchange is there with other arguments than these settings ask for ({wanted}): {error}. "
            "Either set task_default_queue_type, task_queue_max_priority, task_default_exchange_type or "
            "broker_transport_options['queue_arguments'] as it was declared (Celery declares classic queues unless told otherwise), "
            f"or drain and delete it: rabbitmqctl delete_queue {self._plan.name(queue)!r}"
        )

    def _tell_type(self) -> None:
        if self._plan.max_priority and self._plan.queue_type == CLASSIC and not self._has_told_type:
            self._has_told_type = True
            log.info("queues with priorities are classic ones, which live on one node and are not replicated")
