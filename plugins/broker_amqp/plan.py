"""The plan: what the settings make of queues and exchanges, by the names they have on the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kernelq.contracts import ImproperlyConfigured

if TYPE_CHECKING:
    from kernelq import KernelQ

QUORUM = "quorum"
CLASSIC = "classic"
TOP_PRIORITY = 10
"""``x-max-priority`` of a queue whose messages have priorities 0 to 9, as Celery's manual has it."""

LONGEST_NAME = 255
"""Bytes; AMQP's short string."""

OPTIONS = frozenset({"global_keyprefix", "queue_arguments", "confirm_publish"})
"""What `broker_transport_options` may hold. Every publish is confirmed, so ``confirm_publish`` changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is declared."""

    queue_type: str = QUORUM
    max_priority: int | None = None
    default_queue: str = "default"
    exchange: str | None = None
    """Of the default queue; None names it after the queue."""
    exchange_type: str = "direct"
    routing_key: str | None = None
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
        highest = conf.task_queue_max_priority or (TOP_PRIORITY if conf.task_default_priority else None)
        kind = _type(conf.task_default_queue_type or (CLASSIC if highest else QUORUM), "task_default_queue_type")
        if highest and kind == QUORUM:
            raise ImproperlyConfigured(
                "quorum queues have no priorities 0 to 9; unset task_default_queue_type (queues with priorities are classic ones), "
                "or unset task_queue_max_priority and task_default_priority"
            )
        return cls(
            queue_type=kind,
            max_priority=highest,
            default_queue=conf.task_default_queue,
            exchange=conf.task_default_exchange,
            exchange_type=conf.task_default_exchange_type,
            routing_key=conf.task_default_routing_key,
            prefix=options.get("global_keyprefix", ""),
            delay_type=_type(
                conf.broker_native_delayed_delivery_queue_type, "broker_native_delayed_delivery_queue_type"
            ),
            extra=options.get("queue_arguments", {}),
        )

    @property
    def work_arguments(self) -> dict[str, Any]:
        """Arguments of a queue of work; of two kinds only, so that a Celery client with the same settings declares the same."""
        arguments: dict[str, Any] = {"x-queue-type": QUORUM} if self.queue_type == QUORUM else {}
        if self.max_priority:
            arguments["x-max-priority"] = self.max_priority
        return {**arguments, **self.extra}

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

    def binding(self, queue: str) -> tuple[str, str]:
        """(exchange, routing key) that a queue is bound by, as Celery names them."""
        if queue == self.default_queue:
            return self.name(self.exchange or queue), self.routing_key or queue
        return self.name(queue), queue

    def route(self, queue: str) -> tuple[str, str]:
        """(exchange, routing key) that a message of a queue is published by when it says nothing itself.

        With direct exchanges that is the server's default one, straight into the queue.
        """
        return ("", self.name(queue)) if self.exchange_type == "direct" else self.binding(queue)


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
