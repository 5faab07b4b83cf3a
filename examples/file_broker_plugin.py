"""A broker for a new scheme, brought by one file that is not installed: the whole queue is one small file.

    kernelq -A proj worker --plugin file_broker_plugin --broker file:///var/tmp/queue

Guarantee: all that the broker contract asks for, but for transactions shared with a store. Every change reads the file,
writes a new one beside it and moves it into place under a lock, so a crash leaves the old or the new one. What it
does not do: many messages (each change costs as much as there are), many machines, waiting without polling.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import ClassVar

import msgspec
from kernelq import KernelQ, hookimpl
from kernelq.contracts import (
    Broker, Capabilities, Consumer, DeadLetter, Delivery, Message, QueueStats, Transition, Verdict, pack, unpack,
)  # fmt: skip

SCHEME = "file://"
LOOK_EVERY = 0.02
"""Seconds between two looks at the file while a fetch waits."""


@hookimpl
def make_broker(app: KernelQ, url: str) -> Broker | None:
    return FileBroker(url.removeprefix(SCHEME)) if url.startswith(SCHEME) else None


class Entry(msgspec.Struct, kw_only=True):
    """One message; `place` is (-priority, number), the smaller the sooner; `holder` the consumer it is leased to."""

    key: str
    queue: str
    raw: bytes
    place: tuple[int, int]
    due: float
    at: float  # when it was published, or died
    fence: int = 0
    crashes: int = 0
    suspect: bool = False
    started: bool = False
    holder: str | None = None
    reason: str = ""

    def deliver(self, holder: str) -> Delivery:
        self.holder, self.fence, self.started = holder, self.fence + 1, False
        counts = {"fence": self.fence, "crashes": self.crashes, "suspect": self.suspect}
        return Delivery(message=unpack(self.raw), queue=self.queue, tag=self.key, **counts)


class Book(msgspec.Struct):
    """All there is in the file; `leases` is consumer id → (when it ends, how long it lasts)."""

    alive: dict[str, Entry] = {}
    dead: dict[str, Entry] = {}
    leases: dict[str, tuple[float, float]] = {}
    queues: set[str] = set()
    number: int = 0

    def add(self, entry: Entry) -> None:
        self.number += 1
        self.queues.add(entry.queue)
        self.alive.setdefault(entry.key, msgspec.structs.replace(entry, place=(entry.place[0], self.number)))

    def publish(self, messages: Iterable[Message], now: float) -> None:
        for each in messages:
            due, place = each.eta or 0.0, (-each.priority, 0)
            self.add(Entry(key=each.key, queue=each.queue, raw=pack(each), place=place, due=due, at=now))

    def waiting(self, queue: str) -> list[Entry]:
        return [entry for entry in self.alive.values() if entry.queue == queue and entry.holder is None]

    def held(self, holder: str) -> list[Entry]:
        return sorted((entry for entry in self.alive.values() if entry.holder == holder), key=lambda each: each.place)

    def take_back(self, now: float) -> None:
        for holder in [holder for holder, (ends_at, _) in self.leases.items() if ends_at <= now]:
            del self.leases[holder]
            for entry in self.held(holder):
                entry.crashes += entry.suspect and entry.started
                entry.suspect, entry.holder = True, None


class FileBroker(Broker):
    """The file at `path`, and a lock beside it; both are made when first needed."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        durable=True, processes=True, delay=True, priorities=10, leases=True
    )

    def __init__(self, path: str, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self.now = now

    @contextmanager
    def open(self) -> Iterator[Book]:
        """The book, for whoever comes first; written back at the end if anything in it changed."""
        with open(self.path + ".lock", "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                with open(self.path, "rb") as file:
                    before = file.read()
            except FileNotFoundError:
                before = b""
            book = msgspec.msgpack.decode(before, type=Book) if before else Book()
            yield book
            after = msgspec.msgpack.encode(book)
            if after != before:
                with open(self.path + ".new", "wb") as file:
                    file.write(after)
                os.replace(self.path + ".new", self.path)

    def publish(self, messages: Sequence[Message]) -> None:
        with self.open() as book:
            book.publish(messages, self.now())

    def consumer(self, queues: Sequence[str], *, id: str, lease: float) -> Consumer:
        return FileConsumer(self, queues, id=id, lease=lease)

    def renew(self, consumer_ids: Sequence[str]) -> list[str]:
        with self.open() as book:
            kept = {id: book.leases[id] for id in consumer_ids if id in book.leases and book.leases[id][0] > self.now()}
            book.leases.update({id: (self.now() + lasts, lasts) for id, (_, lasts) in kept.items()})
        return [id for id in consumer_ids if id not in kept]

    def queues(self) -> list[QueueStats]:
        with self.open() as book:
            return [self._stats(book, queue) for queue in sorted(book.queues)]

    def _stats(self, book: Book, queue: str) -> QueueStats:
        waiting, ready_at = book.waiting(queue), self.now()
        ready = [entry.at for entry in waiting if entry.due <= ready_at]
        running = sum(entry.queue == queue for entry in book.alive.values()) - len(waiting)
        dead = sum(entry.queue == queue for entry in book.dead.values())
        delayed, oldest = len(waiting) - len(ready), min(ready, default=None)
        return QueueStats(name=queue, ready=len(ready), delayed=delayed, running=running, dead=dead, oldest_ready_at=oldest)

    def purge(self, queue: str) -> int:
        with self.open() as book:
            return len([book.alive.pop(entry.key) for entry in book.waiting(queue)])

    def dead(self, *, queue: str | None = None, limit: int = 100) -> list[DeadLetter]:
        with self.open() as book:
            newest = (item for item in reversed(book.dead.items()) if queue in (None, item[1].queue))
            return [_letter(ref, entry) for ref, entry in islice(newest, limit)]

    def dead_retry(self, refs: Collection[str]) -> int:
        with self.open() as book:
            found = [book.dead.pop(ref) for ref in refs if ref in book.dead]
            for entry in found:
                book.add(msgspec.structs.replace(entry, due=0.0, at=self.now(), crashes=0, suspect=False))
            return len(found)

    def dead_purge(self, refs: Collection[str] | None = None) -> int:
        with self.open() as book:
            return len([book.dead.pop(ref) for ref in (list(book.dead) if refs is None else refs) if ref in book.dead])

    def close(self) -> None:
        """Nothing stays open."""


class FileConsumer(Consumer):
    """A lane's hold on some queues of the file."""

    def __init__(self, broker: FileBroker, queues: Sequence[str], *, id: str, lease: float) -> None:
        self.id, self._broker, self._queues, self._lasts = id, broker, queues, lease
        self._woken = threading.Event()

    def fetch(self, limit: int, timeout: float) -> list[Delivery]:
        deadline = time.monotonic() + timeout
        while not (found := self._claim(limit)) and not self._woken.is_set() and time.monotonic() < deadline:
            self._woken.wait(LOOK_EVERY)
        self._woken.clear()
        return found

    def _claim(self, limit: int) -> list[Delivery]:
        now = self._broker.now()
        with self._broker.open() as book:
            book.take_back(now)
            ready = [entry for queue in self._queues for entry in book.waiting(queue) if entry.due <= now]
            book.queues.update(self._queues)
            if book.leases.get(self.id, (0, 0))[0] < now + self._lasts / 2 or ready:
                book.leases[self.id] = (now + self._lasts, self._lasts)
            return [entry.deliver(self.id) for entry in sorted(ready, key=lambda each: each.place)[:limit]]

    def settle(self, transitions: Sequence[Transition]) -> list[Transition]:
        with self._broker.open() as book:
            return [each for each in transitions if not self._carry_out(each, book)]

    def _carry_out(self, transition: Transition, book: Book) -> bool:
        entry, now = self._mine(transition.delivery, book), self._broker.now()
        if entry is None:
            return False
        book.publish(transition.successors, now)
        entry.holder, entry.started = None, False
        entry.due = now + transition.delay if transition.verdict is Verdict.PARK else 0.0
        entry.crashes += transition.verdict is Verdict.CRASHED
        if transition.verdict in (Verdict.ACK, Verdict.DEAD):
            del book.alive[entry.key]
        if transition.verdict is Verdict.DEAD:
            entry.reason, entry.at, entry.due = transition.reason, now, 0.0
            book.dead[str(entry.place[1])] = entry
        return True

    def _mine(self, delivery: Delivery, book: Book) -> Entry | None:
        entry = book.alive.get(delivery.tag)
        return entry if entry and (entry.holder, entry.fence) == (self.id, delivery.fence) else None

    def mark_started(self, deliveries: Sequence[Delivery]) -> None:
        with self._broker.open() as book:
            for entry in filter(None, (self._mine(each, book) for each in deliveries)):
                entry.started = True

    def take_over(self, consumer_id: str) -> list[Delivery]:
        with self._broker.open() as book:
            book.leases.pop(consumer_id, None)
            book.leases[self.id] = (self._broker.now() + self._lasts, self._lasts)
            return [entry.deliver(self.id) for entry in book.held(consumer_id)]

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        with self._broker.open() as book:
            book.leases.pop(self.id, None)
            for entry in book.held(self.id):
                entry.holder, entry.started = None, False


def _letter(ref: str, entry: Entry) -> DeadLetter:
    message = unpack(entry.raw)
    found = message if isinstance(message, Message) else None
    return DeadLetter(ref=ref, queue=entry.queue, reason=entry.reason, died_at=entry.at, raw=entry.raw, message=found)
