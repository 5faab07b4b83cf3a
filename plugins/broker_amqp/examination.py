"""The examination: what a RabbitMQ server says of itself that decides whether messages are safe and tasks may be long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kernelq.amqp import AmqpEngine, Parcel
from kernelq.contracts import BrokerFull, Finding

from .plan import QUORUM, Plan

OLDEST = (3, 10)
TIMEOUT_PER_CONSUMER = (4, 3)
"""The first version whose consumers may say how long they hold a message."""
TIMEOUT_PER_QUEUE = (3, 12)
"""The first whose queues and policies may."""


def version_of(server: Any) -> tuple[int, ...]:
    """(major, minor) of what a server says of itself; empty when it says nothing that can be read."""
    parts = str(server.get("version", "")).split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def findings(engine: AmqpEngine, plan: Plan) -> Iterator[Finding]:
    """What was seen. Raises `BrokerUnavailable`."""
    server = engine.server()
    version = version_of(server)
    name = f"{server.get('product', 'an AMQP server')} {server.get('version', 'of unknown version')}"
    if server.get("product") != "RabbitMQ" or version < OLDEST:
        yield Finding("warning", f"the server is {name}", "expected RabbitMQ 3.10 or later; nothing else was tried")
    else:
        yield Finding("ok", name)
    yield _queue_type(plan)
    if version < TIMEOUT_PER_CONSUMER:
        policy = " or the policy key consumer-timeout" if version >= TIMEOUT_PER_QUEUE else ""
        yield Finding(
            "warning",
            "RabbitMQ takes back, by consumer_timeout (30 minutes by default), the messages of tasks that run longer than that",
            f"if there are such tasks raise consumer_timeout in rabbitmq.conf{policy}; RabbitMQ 4.3 is told by KernelQ itself",
        )
    yield _alarm(engine)


def _queue_type(plan: Plan) -> Finding:
    if plan.max_priority:
        return Finding(
            "ok",
            f"queues are classic ones with x-max-priority {plan.max_priority}, since the settings ask for priorities",
            "they live on one node; without priorities they would be replicated quorum queues",
        )
    kind = "quorum queues" if plan.queue_type == QUORUM else "classic queues, which live on one node"
    return Finding("ok", f"queues are {kind} (task_default_queue_type)")


def _alarm(engine: AmqpEngine) -> Finding:
    """AMQP shows an alarm only to who publishes: so a message that nobody gets is published."""
    try:
        engine.publish([Parcel("", "kernelq.nobody", b"", {}, mandatory=False)])
    except BrokerFull as error:
        return Finding("warning", str(error), "see rabbitmqctl status; tasks run, but what they publish waits or fails")
    return Finding("ok", "no memory or disk alarm")
