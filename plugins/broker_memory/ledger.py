"""The ledger: all that the memory broker keeps. Every method is called with the engine's lock held."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush

from kernelq.contracts import Message, pack

Place = tuple[int, int]
"""(-priority, publish number): the smaller, the sooner."""


@dataclass(slots=True, kw_only=True, eq=False)
class Entry:
    """One message and what has happened to it.

    It is kept packed: what a task cannot take through another engine, it cannot take through this one,
    and nobody can change it from outside.
    """

    key: str
    queue: str
    raw: bytes
    place: Place
    published_at: float
    fence: int = 0
    crashes: int = 0
    suspect: bool = False
    started: bool = False


@dataclass(slots=True, eq=False)
class Waiting:
    """What waits in one queue, as two heaps: ready by place, delayed by the instant it becomes ready."""

    ready: list[tuple[Place, Entry]] = field(default_factory=list)
    delayed: list[tuple[float, Place, Entry]] = field(default_factory=list)

    def promote(self, now: float) -> None:
        """Make ready what has been delayed until now."""
        while self.delayed and self.delayed[0][0] <= now:
            _, place, entry = heappop(self.delayed)
            heappush(self.ready, (place, entry))


@dataclass(slots=True, eq=False)
class Lease:
    """What one consumer holds, and until when."""

    ends_at: float
    lasts: float
    held: dict[Place, Entry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """An entry among the dead letters."""

    entry: Entry
    reason: str
    died_at: float


class Ledger:
    """Where every message is: waiting in a queue, held under a lease, or dead."""

    def __init__(self) -> None:
        self.alive: dict[str, Entry] = {}  # by key, waiting or held
        self.queues: dict[str, Waiting] = {}
        self.leases: dict[str, Lease] = {}  # by consumer id
        self.dead: dict[str, Dead] = {}  # by ref, oldest first
        self.revoked: dict[str, float] = {}  # task id → when the mark ends
        self._numbers = itertools.count(1)

    def publish(self, messages: Sequence[Message], now: float) -> None:
        """Let messages wait, but for those whose key waits or is held already; all or, on an error, none."""
        packed = [(message, pack(message)) for message in messages]
        for message, raw in packed:
            self.add(message.key, message.queue, raw, priority=message.priority, due=message.eta or 0.0, now=now)

    def add(self, key: str, queue: str, raw: bytes, *, priority: int, due: float, now: float) -> None:
        """Let one message wait under `key`, unless that key waits or is held already."""
        if key in self.alive:
            return
        place = (-priority, next(self._numbers))
        entry = self.alive[key] = Entry(key=key, queue=queue, raw=raw, place=place, published_at=now)
        self.put(entry, due=due, now=now)

    def put(self, entry: Entry, *, now: float, due: float = 0.0) -> None:
        """Let an entry wait in its place, ready from `due` on."""
        queue = self.queue(entry.queue)
        if due > now:
            heappush(queue.delayed, (due, entry.place, entry))
        else:
            heappush(queue.ready, (entry.place, entry))

    def queue(self, name: str) -> Waiting:
        """The queue of that name; from now on it is known."""
        return self.queues.setdefault(name, Waiting())

    def claim(self, queues: Iterable[str], limit: int, now: float) -> list[Entry]:
        """Take up to `limit` ready entries out of these queues, first by priority, then by age."""
        sources = [self.queue(name) for name in queues]
        for source in sources:
            source.promote(now)
        claimed: list[Entry] = []
        while len(claimed) < limit:
            ready = [source.ready for source in sources if source.ready]
            if not ready:
                break
            claimed.append(heappop(min(ready, key=_first_place))[1])
        return claimed

    def take_back(self, now: float) -> None:
        """End the leases that nobody renewed; what they held waits again.

        Nobody knows whether an entry was running then. So the first time it becomes suspect, and a
        suspect is charged with a crash only if it was marked as started.
        """
        for consumer_id, lease in list(self.leases.items()):
            if lease.ends_at > now:
                continue
            del self.leases[consumer_id]
            for entry in lease.held.values():
                if entry.suspect and entry.started:
                    entry.crashes += 1
                entry.suspect = True
                self.put(entry, now=now)

    def next_change(self, queues: Iterable[str]) -> float:
        """The instant when time alone may give these queues something: an eta comes or a lease ends."""
        due = [self.queue(name).delayed[0][0] for name in queues if self.queue(name).delayed]
        ends = [lease.ends_at for lease in self.leases.values() if lease.held]
        return min(due + ends, default=float("inf"))

    def purge(self, name: str) -> int:
        """Drop what waits in a queue, and the queue; return how many messages it was."""
        queue = self.queues.pop(name, Waiting())
        entries = [entry for _, entry in queue.ready] + [entry for _, _, entry in queue.delayed]
        for entry in entries:
            del self.alive[entry.key]
        return len(entries)

    def revoke(self, ids: Iterable[str], now: float, ttl: float) -> list[str]:
        """Mark task ids for `ttl` seconds, and make ready what of them waits for its eta; those whose first attempt waits."""
        wanted = dict.fromkeys(ids, now + ttl)
        self.revoked = {each: ends_at for each, ends_at in self.revoked.items() if ends_at > now} | wanted
        waiting = set()
        for queue in self.queues.values():
            queue.promote(now)
            early = [item for item in queue.delayed if item[2].key in wanted]
            if early:
                queue.delayed = [item for item in queue.delayed if item[2].key not in wanted]
                heapify(queue.delayed)
                for _, place, entry in early:
                    heappush(queue.ready, (place, entry))
            waiting |= {entry.key for _, entry in queue.ready}
        return [each for each in wanted if each in waiting]

    def is_revoked(self, task_id: str, now: float) -> bool:
        """Whether a task id is marked."""
        return self.revoked.get(task_id, now) > now

    def bury(self, entry: Entry, reason: str, now: float) -> None:
        """Move an entry to the dead letters; its key is free."""
        del self.alive[entry.key]
        self.dead[str(entry.place[1])] = Dead(entry=entry, reason=reason, died_at=now)

    def revive(self, ref: str, now: float) -> bool:
        """Let a dead letter wait again, last in its queue and with a clean slate but for the fence.

        If its key was published again meanwhile, that one stands and the dead letter is forgotten.
        """
        dead = self.dead.pop(ref, None)
        if dead is None:
            return False
        if dead.entry.key not in self.alive:
            place = (dead.entry.place[0], next(self._numbers))
            entry = replace(dead.entry, place=place, published_at=now, crashes=0, suspect=False)
            self.alive[entry.key] = entry
            self.put(entry, now=now)
        return True


def _first_place(ready: list[tuple[Place, Entry]]) -> Place:
    return ready[0][0]
