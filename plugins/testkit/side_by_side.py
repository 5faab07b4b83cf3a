"""The tested broker and the memory broker side by side, under one clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from kernelq.contracts import Broker, DeadLetter, Delivery, QueueStats

from .book import queue_of


class Twin(NamedTuple):
    """One thing as the tested broker made it, and as the memory broker did."""

    tested: Any
    model: Any


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.time = float(int(time.time()))

    def __call__(self) -> float:
        return self.time


SetClock = Callable[[Broker, Callable[[], float]], bool]


class SideBySide:
    """Two brokers to which the same is done; `moves_time` says whether both read the one `clock`.

    They serve many runs, for opening an engine for each would cost more than all that is done to it.
    So every run has keys, queues and consumers of its own, and what a failed one left does no harm.
    """

    def __init__(self, tested: Broker, model: Broker, set_clock: SetClock) -> None:
        self.brokers = Twin(tested, model)
        self.clock = Clock()
        self.moves_time = set_clock(tested, self.clock) and set_clock(model, self.clock)

    def open(self, id: str, queues: Sequence[str], lease: float) -> Twin:
        """A consumer of each broker."""
        return Twin(*(broker.consumer(queues, id=id, lease=lease) for broker in self.brokers))

    def stands(self, queues: Sequence[str]) -> Twin:
        """How some queues stand with each broker."""
        known = ({each.name: each for each in broker.queues()} for broker in self.brokers)
        return Twin(*([by_name.get(name, QueueStats(name=name)) for name in queues] for by_name in known))

    def graves(self, queue: str) -> Twin:
        """The dead letters of one queue with each broker."""
        return Twin(*(broker.dead(queue=queue) for broker in self.brokers))

    def ref(self, broker: Broker, key: str) -> str:
        """What a broker calls the dead letter of a key."""
        letters = broker.dead(queue=queue_of(key))
        [ref] = [letter.ref for letter in letters if letter.message and letter.message.key == key]
        return ref


def look(deliveries: Iterable[Delivery]) -> list[tuple[object, ...]]:
    """What users see of deliveries."""
    return [(each.message, each.queue, each.fence, each.crashes, each.suspect, each.revoked) for each in deliveries]


def look_at_queues(queues: Iterable[QueueStats]) -> list[tuple[object, ...]]:
    """What two brokers must agree on; when a message was published is told by the engine's own clock."""
    return [
        (each.name, each.ready, each.delayed, each.running, each.dead, each.oldest_ready_at is not None)
        for each in queues
    ]


def look_at_graves(letters: Iterable[DeadLetter]) -> list[tuple[str, str, str]]:
    """What two brokers must agree on; who died at one instant has no order."""
    return sorted((str(letter.message), letter.queue, letter.reason) for letter in letters)
