"""The AMQP broker: publishing, renewing, and what administrators ask."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakValueDictionary

from kernelq.amqp import AmqpEngine, NotThere, Parcel
from kernelq.contracts import Broker, BrokerError, Capabilities, DeadLetter, Finding, Message, QueueStats

from . import ladder
from .consumer import AmqpConsumer
from .copies import Copy
from .dead_letters import DeadLetters
from .envelope import headers_and_properties
from .examination import findings
from .memory import Memory
from .plan import Plan
from .topology import Topology

if TYPE_CHECKING:
    from kernelq import KernelQ

CAPABILITIES = Capabilities(durable=True, processes=True, delay=True, priorities=10, push=True, exchanges=True)


class AmqpBroker(Broker):
    """Messages in the queues of RabbitMQ."""

    capabilities: Capabilities = CAPABILITIES

    def __init__(self, app: KernelQ, url: str) -> None:
        self._app = app
        self._plan = Plan.of(app)
        self._engine = app.engine(url)
        self._amqp = cast(AmqpEngine, self._engine)
        self._topology = Topology(self._amqp, self._plan)
        self._dead = DeadLetters(self._amqp, self._plan, self._topology)
        self._memory = Memory()
        # By process and id: a forked child must not touch its parent's.
        self._consumers: WeakValueDictionary[tuple[int, str], AmqpConsumer] = WeakValueDictionary()
        if not self._plan.has_priorities:
            self.capabilities = replace(CAPABILITIES, priorities=1)

    def publish(self, messages: Sequence[Message]) -> None:
        self._send(messages, ())

    def consumer(self, queues: Sequence[str], *, id: str, lease: float) -> AmqpConsumer:
        made = AmqpConsumer(
            self._amqp,
            self._plan,
            self._topology,
            self._memory,
            queues,
            id=id,
            heartbeat=self._app.conf.broker_heartbeat or lease / 2,
            send=self._send,
            is_limited=self._is_limited,
        )
        self._consumers[os.getpid(), id] = made
        return made

    def renew(self, consumer_ids: Sequence[str]) -> list[str]:
        mine = {id: consumer for id in consumer_ids if (consumer := self._consumers.get((os.getpid(), id))) is not None}
        lost = [id for id, consumer in mine.items() if consumer.is_lost]
        if lost or not mine:
            # Whether the server is there at all; a consumer's own connection says of itself whether it lives.
            self._amqp.ask(lambda channel, done: channel.basic_qos(callback=done))
        return lost

    def queues(self) -> list[QueueStats]:
        names = self._topology.register.names()
        ready = {name: self._topology.exists(self._plan.name(name)) for name in names}
        dead = {name: self._topology.exists(self._plan.dead_name(name)) for name in names}
        running: Counter[str] = Counter()
        waiting: Counter[str] = Counter()
        for consumer in self._mine():
            running.update(consumer.running())
            waiting.update(consumer.waiting())
        return [
            QueueStats(
                name=name,
                ready=(ready[name] or (0, 0))[0] + waiting[name],
                running=running[name],
                dead=(dead[name] or (0, 0))[0],
            )
            for name in names
            if ready[name] is not None or dead[name] is not None
        ]

    def _mine(self) -> list[AmqpConsumer]:
        """The consumers of this process. In one step under the GIL: other threads make some meanwhile."""
        known = [(kept.key[0], kept()) for kept in self._consumers.valuerefs()]
        return [consumer for process, consumer in known if process == os.getpid() and consumer is not None]

    def purge(self, queue: str) -> int:
        name = self._plan.name(queue)
        if self._topology.exists(name) is None:
            return 0
        purged = self._amqp.ask(lambda channel, done: channel.queue_purge(name, callback=done))
        return int(purged.method.message_count)

    def drop(self, queue: str) -> None:
        self._topology.delete(queue)

    def dead(self, *, queue: str | None = None, limit: int = 100) -> list[DeadLetter]:
        return self._dead.newest(self._names(queue), limit)

    def dead_retry(self, refs: Collection[str]) -> int:
        return self._dead.retry(self._names(), refs)

    def dead_purge(self, refs: Collection[str] | None = None) -> int:
        return self._dead.purge(self._names(), refs)

    def examine(self) -> list[Finding]:
        return list(findings(self._amqp, self._plan))

    def close(self) -> None:
        self._engine.close()

    def _send(self, messages: Sequence[Message], copies: Sequence[Copy]) -> None:
        """Publish messages, and copies of received ones; what nobody could be found for is tried once more."""
        now = time.time()
        copies = [*(copy for message in messages for copy in self._copies(message, now)), *copies]
        returned = self._publish(copies)
        if not returned:
            return
        for copy in returned:
            self._topology.forget(copy.queue)  # deleted on the server since it was declared, or unbound
        for copy in returned:
            self._topology.restore(copy.queue, copy.parcel.exchange, copy.parcel.routing_key)
        if lost := self._publish(returned):
            queue, parcel = lost[0]
            raise BrokerError(
                f"{len(lost)} messages were not accepted: at RabbitMQ at {self._amqp.where} no queue is bound to the exchange "
                f"{parcel.exchange!r} with routing key {parcel.routing_key!r} (queue {queue!r})"
            )

    def _publish(self, copies: Sequence[Copy]) -> list[Copy]:
        """Publish; return those nobody could be found for."""
        if not copies:
            return []
        try:
            returned = {id(parcel) for parcel in self._amqp.publish([copy.parcel for copy in copies])}
        except NotThere:
            self._topology.forget_all()  # whoever repeats this finds everything declared again
            raise
        return [copy for copy in copies if id(copy.parcel) in returned]

    def _copies(self, message: Message, now: float) -> list[Copy]:
        """What takes a message to its queue; one that waits for its eta is sent to each queue that it is for."""
        properties = headers_and_properties(message)
        if message.eta is not None and message.eta > now:
            return self._delayed(message, properties, message.eta - now)
        exchange, key = self._topology.route(message)
        mandatory = not exchange or not self._topology.is_for_all(message.queue)
        return [Copy(message.queue, Parcel(exchange, key, message.body, properties, message.key, mandatory))]

    def _delayed(self, message: Message, properties: dict[str, Any], delay: float) -> list[Copy]:
        queues = self._topology.reached(message)
        self._topology.ladder.ensure()
        exchange, key = ladder.entry(delay)
        made = []
        for queue in queues:
            self._topology.ensure(queue)
            headers = properties["headers"] | ladder.ticket(self._plan.name(queue), delay)
            ident = message.key if len(queues) == 1 else f"{message.key} {queue}"
            made.append(Copy(queue, Parcel(exchange, key, message.body, {**properties, "headers": headers}, ident)))
        return made

    def _names(self, queue: str | None = None) -> list[str]:
        return self._topology.register.names() if queue is None else [queue]

    def _is_limited(self, message: Message) -> bool:
        """Whether a run of this message is killed when it takes too long."""
        if message.timelimit is not None and message.timelimit[0] is not None:
            return True
        task = self._app.tasks.get(message.task)
        return task is not None and bool(task.option("time_limit"))
