"""The plan: what the settings make of queues and exchanges, by the names they have on the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kernelq.contracts import ImproperlyConfigured
from kernelq.routing import Broadcast, Exchange, Queue, queues_of

if TYPE_CHECKING:
    from kernelq import KernelQ
    from kernelq.routing import Queues

QUORUM = "quorum"
CLASSIC = "classic"
TOP_PRIORITY = 10
"""``x-max-priority`` of a queue whose messages have priorities 0 to 9, as Celery's manual has it."""

SERVERS_OWN = "amq."
"""What the names of the server's own exchanges begin with."""

LONGEST_NAME = 255
"""Bytes; AMQP's short string."""

OPTIONS = frozenset({"global_keyprefix", "queue_arguments", "confirm_publish"})
"""What `broker_transport_options` may hold. Every publish is confirmed, so ``confirm_publish`` changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is declared."""

    queues: Queues
    """How each queue is bound, and what is asked of it."""
    queue_type: str = QUORUM
    max_priority: int | None = None
    exchange_type: str = "direct"
    """Of exchanges that messages name and no queue is known to be bound to."""
    prefix: str = ""
    delay_type: str = QUORUM
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, app: KernelQ) -> Plan:
        """What the settings of `app` ask for; raises `ImproperlyConfigured` for what cannot be."""
        conf, options = app.conf, app.conf.broker_transport_options
        if unknown := sorted(options.keys() - OPTIONS):
            raise ImproperlyConfigured(
                f"unknown option {unknown[0]!r} in broker_transport_options for an amqp broker (known: {', '.join(sorted(OPTIONS))})"
            )
        queues = queues_of(app)
        highest = queues.setting("task_queue_max_priority") or (TOP_PRIORITY if conf.task_default_priority else None)
        kind = _type(
            queues.setting("task_default_queue_type") or (CLASSIC if highest else QUORUM), "task_default_queue_type"
        )
        if highest and kind == QUORUM:
            raise ImproperlyConfigured(
                "quorum queues have no priorities 0 to 9; unset task_default_queue_type (queues with priorities are classic ones), "
                "or unset task_queue_max_priority and task_default_priority"
            )
        missing = queues.setting("task_create_missing_queue_type")
        if missing is not None:
            _type(missing, "task_create_missing_queue_type")
        plan = cls(
            queues=queues,
            queue_type=kind,
            max_priority=highest,
            exchange_type=queues.setting("task_default_exchange_type", "direct"),
            prefix=options.get("global_keyprefix", ""),
            delay_type=_type(
                conf.broker_native_delayed_delivery_queue_type, "broker_native_delayed_delivery_queue_type"
            ),
            extra=options.get("queue_arguments", {}),
        )
        for queue in plan.queues.declared.values():
            plan.arguments(queue)  # what cannot be is said now
        return plan

    @property
    def has_priorities(self) -> bool:
        """Whether some queue tells priorities apart."""
        return any("x-max-priority" in self.arguments(queue) for queue in self.queues.declared.values())

    def arguments(self, queue: Queue) -> dict[str, Any]:
        """Arguments of a queue of work: its own, else what the settings say, which a Celery client understands the same way.

        Raises `ImproperlyConfigured` for a quorum queue with priorities.
        """
        own = queue.arguments
        kind = own.get("x-queue-type")
        highest = own.get("x-max-priority", None if kind == QUORUM else self.max_priority)
        if kind == QUORUM and highest:
            raise ImproperlyConfigured(
                f"quorum queues have no priorities 0 to 9; take max_priority or the type from the queue {str(queue)!r}"
            )
        if kind is None and self.queue_type == QUORUM and not highest and queue.durable:
            own = {"x-queue-type": QUORUM, **own}
        return {**self.extra, **own, **({"x-max-priority": highest} if highest else {})}

    def name(self, queue: str) -> str:
        """The name of a queue on the server."""
        return checked(self.prefix + queue)

    def dead_name(self, queue: str) -> str:
        """The name of its dead letter queue."""
        return checked(f"{self.prefix}{queue}.dead")

    def hold_name(self, consumer_id: str) -> str:
        """The name of the queue where a consumer keeps what it has marked as started."""
        return checked(f"{self.prefix}kernelq.hold.{consumer_id}")

    @property
    def register_name(self) -> str:
        """The name of the queue that keeps the names of queues."""
        return checked(f"{self.prefix}kernelq.queues")

    def exchange(self, name: str) -> str:
        """The name of an exchange on the server, whose own ones are the same for everybody."""
        return name if name.startswith(SERVERS_OWN) else self.name(name)

    def way(self, queue: Queue) -> tuple[str, str]:
        """(exchange, routing key) that a message of a queue is published by when it says nothing itself.

        With direct exchanges that is the server's default one, straight into the queue.
        """
        exchange: Exchange = queue.exchange
        if not isinstance(queue, Broadcast) and (not exchange or exchange.type == "direct"):
            return "", self.name(queue)
        return self.exchange(exchange), queue.routing_key


def checked(name: str) -> str:
    """The name; raises `ImproperlyConfigured` when it is too long for AMQP."""
    if len(name.encode()) > LONGEST_NAME:
        raise ImproperlyConfigured(
            f"expected a name of at most {LONGEST_NAME} bytes for AMQP, got {len(name.encode())}: {name[:60]!r}…"
        )
    return name


def _type(name: str, setting: str) -> str:
    if name not in (QUORUM, CLASSIC):
        raise ImproperlyConfigured(f"{setting} must be 'quorum' or 'classic', got {name!r}")
    return name
