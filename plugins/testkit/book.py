"""The book of a broker's machine: where each message must be, whatever the brokers say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from kernelq.contracts import Delivery, Message, QueueStats, Transition, Verdict

WAITING, DEAD = "(waiting)", "(dead)"
COLOURS = ("red", "green")


class Book:
    """Where each key is (waiting, dead, or with a consumer by its id), and the newest delivery of each."""

    def __init__(self) -> None:
        self.where: dict[str, str] = {}
        self.newest: dict[str, Delivery] = {}

    def published(self, batch: Iterable[Message]) -> None:
        """These were published; what waits or is held already stays where it is."""
        for each in batch:
            self.where.setdefault(each.key, WAITING)

    def taken(self, who: str, delivery: Delivery, out_of: str) -> None:
        """A consumer got a delivery, and it must come `out_of` there and bear a higher fence than before."""
        key = key_of(delivery)
        assert self.where[key] == out_of
        assert key not in self.newest or delivery.fence > self.newest[key].fence
        self.where[key], self.newest[key] = who, delivery

    def has(self, who: str, delivery: Delivery) -> bool:
        """Whether a consumer holds this very delivery, so that it may settle it.

        A key that is published again after its ack may begin at fence 1 again, so the fence would not tell.
        """
        key = key_of(delivery)
        return self.where.get(key) == who and self.newest[key] is delivery

    def settled(self, key: str, transition: Transition) -> None:
        """A transition of the key's delivery was carried out."""
        self.published(transition.successors)
        if transition.verdict is Verdict.ACK:
            self.dropped([key])
        else:
            self.where[key] = DEAD if transition.verdict is Verdict.DEAD else WAITING

    def given_back(self, who: str) -> None:
        """What a consumer held waits again."""
        self.where.update({key: WAITING for key, owner in self.where.items() if owner == who})

    def dropped(self, keys: Iterable[str]) -> None:
        """The brokers forgot these keys, fences and all."""
        for key in keys:
            del self.where[key]
            self.newest.pop(key, None)

    def waiting(self, queue: str) -> list[str]:
        """The keys that wait in a queue."""
        return [key for key, place in self.where.items() if place == WAITING and queue_of(key) == queue]

    def dead(self) -> list[str]:
        """The keys among the dead letters, sorted."""
        return sorted(key for key, place in self.where.items() if place == DEAD)

    def check(self, queue: QueueStats) -> None:
        """A broker's account of a queue must be that of the book."""
        places = Counter(place for key, place in self.where.items() if queue_of(key) == queue.name)
        waiting, dead = places.pop(WAITING, 0), places.pop(DEAD, 0)
        assert (queue.ready + queue.delayed, queue.running, queue.dead) == (waiting, places.total(), dead)


def queue_of(key: str) -> str:
    """The queue of a key, of the same run (``b-7`` → ``red-7``).

    Each key has its own, for whether a key is one across queues is the engine's affair.
    """
    letter, _, run = key.partition("-")
    return f"{COLOURS[ord(letter) % len(COLOURS)]}-{run}"


def key_of(delivery: Delivery) -> str:
    """The key of a delivery, which must have been readable."""
    assert isinstance(delivery.message, Message)
    return delivery.message.key
