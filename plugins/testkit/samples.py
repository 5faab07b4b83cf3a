"""Sample messages and outcomes, and short ways to say what came of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kernelq.contracts import Broker, Consumer, Delivery, Message, Outcome, QueueStats, Transition, Verdict

QUEUE = "q"
BODY = b"[[1, 2], {}, {}]"


def message(id: str, **fields: Any) -> Message:
    """A message of the test task in the test queue."""
    return Message(**{"id": id, "task": "tests.add", "body": BODY, "queue": QUEUE, **fields})


def messages(ids: Iterable[str], **fields: Any) -> list[Message]:
    """One sample message for each id: ``messages("abc")``."""
    return [message(id, **fields) for id in ids]


def outcome(id: str, state: str = "SUCCESS", **fields: Any) -> Outcome:
    """An outcome of that task id."""
    return Outcome(**{"id": id, "state": state, **fields})


def ids(deliveries: Iterable[Delivery]) -> list[str]:
    """The task ids of deliveries that could be read, in order."""
    return [delivery.message.id for delivery in deliveries if isinstance(delivery.message, Message)]


def settle(consumer: Consumer, deliveries: Iterable[Delivery], verdict: Verdict = Verdict.ACK, **fields: Any) -> None:
    """Settle deliveries alike; none may be refused."""
    transitions = [Transition(delivery=delivery, verdict=verdict, **fields) for delivery in deliveries]
    assert consumer.settle(transitions) == []


def stats(broker: Broker, queue: str = QUEUE) -> QueueStats:
    """How one queue stands; all zero when the broker does not know it."""
    found = {each.name: each for each in broker.queues()}
    return found.get(queue, QueueStats(name=queue))
