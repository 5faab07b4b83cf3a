"""The Redis broker: publishing, renewing, and what administrators ask."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, count
from typing import TYPE_CHECKING, Any, cast

from kernelq.contracts import Broker, Capabilities, DeadLetter, Engine, Finding, Message, QueueStats, unpack
from kernelq.redis import Guard, RedisEngine

from . import scripts
from .consumer import RedisConsumer
from .examination import examine
from .parcels import Parcel, runs_of

if TYPE_CHECKING:
    from kernelq import KernelQ

_AT_ONCE = 1000
"""Messages or letters changed in one script where their number has no bound: some milliseconds, in which Redis serves nobody else."""

_LOOKED_AT = 2000
"""Messages that wait for later among which one script looks for those of revoked tasks: a millisecond or two."""

_FAR = 12 * 3600.0
"""Seconds; a lease that ends later needs no renewal yet, whatever our clock and the server's differ by."""


class RedisBroker(Broker):
    """Messages in Redis, under one prefix."""

    capabilities: Capabilities = Capabilities(
        durable=True,
        processes=True,
        delay=True,
        priorities=10,
        leases=True,
        transactions=True,
        push=True,
        dedup=True,
        revoking=True,
        inventory=True,
    )
    engine: Engine

    def __init__(self, app: KernelQ, url: str) -> None:
        options: dict[str, Any] = app.conf.broker_transport_options
        self.engine = app.engine(url)
        self._redis = cast(RedisEngine, self.engine)
        self.space = self._redis.space(url, options)
        self._allows_eviction = bool(options.get("allow_eviction"))
        self._numbers = count(1)
        self._unanswered: dict[str, int] = {}

    def publish(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        parcel = Parcel(messages, self.space)
        script = scripts.PUBLISH_ONE if parcel.is_one else scripts.PUBLISH
        # Not by itself a second time: who publishes looks first whether a worker was quicker than the lost answer.
        if parcel.longs:
            self.space.run_then(script, parcel.words, parcel.longs)
        else:
            self.space.run(script, parcel.words, may_repeat=False)

    def publish_within(self, session: Any, messages: Sequence[Message]) -> None:
        """Publish if a store agrees: `session` is its `kernelq.redis.Guard`, which is told what came of it."""
        if not isinstance(session, Guard):
            return super().publish_within(session, messages)
        words = list(chain.from_iterable(runs_of(messages)))
        script = scripts.guarded_script(session.fragment, self.space.db)
        session.answer = self.space.run(
            script, [session.space.db, len(session.args), *session.args, *words], may_repeat=False
        )
        return None

    def consumer(self, queues: Sequence[str], *, id: str, lease: float) -> RedisConsumer:
        return RedisConsumer(
            self._redis, self.space, queues, id=id, lease=lease, numbers=self._numbers, unanswered=self._unanswered
        )

    def renew(self, consumer_ids: Sequence[str]) -> list[str]:
        if not consumer_ids:  # whoever asks for nobody still learns whether the server is there
            self.space.run(scripts.RENEW)
            return []
        # Those who took nothing yet have no lease, and of those who wait and hold nothing it ends in a day: to see that is
        # one cheap command.
        ends = dict(zip(consumer_ids, self.space.call("ZMSCORE", self.space.key("leases"), *consumer_ids), strict=True))
        far = time.time() + _FAR
        near = [id for id, end in ends.items() if end is not None and float(end) <= far]
        ended = {near[position] for position in self.space.run(scripts.RENEW, near)} if near else set()
        return [id for id in consumer_ids if ends[id] is None or id in ended]

    def queues(self) -> list[QueueStats]:
        rows = self.space.run(scripts.STAND)
        return sorted((_stats(*rows[i : i + 6]) for i in range(0, len(rows), 6)), key=lambda queue: queue.name)

    def purge(self, queue: str) -> int:
        purged = 0
        while some := self.space.run(scripts.PURGE, [queue, _AT_ONCE]):
            purged += some
        return purged

    def revoke(self, ids: Collection[str], ttl: float) -> list[str]:
        every, waiting = list(dict.fromkeys(ids)), list[str]()
        for i in range(0, len(every), _AT_ONCE):
            some = every[i : i + _AT_ONCE]
            positions, sought = self.space.run(scripts.REVOKE, [ttl, *some])
            waiting += [some[position] for position in positions]
            if sought:
                self._hasten([some[position] for position in sought])
        return waiting

    def dead(self, *, queue: str | None = None, limit: int = 100) -> list[DeadLetter]:
        letters = self.space.run(scripts.DEAD, [limit] if queue is None else [limit, queue])
        return [_letter(*letter) for letter in letters]

    def dead_retry(self, refs: Collection[str]) -> int:
        return sum(self.space.run(scripts.REVIVE, some) for some in _chunks(refs))

    def dead_purge(self, refs: Collection[str] | None = None) -> int:
        if refs is not None:
            return sum(self.space.run(scripts.FORGET_DEAD, [_AT_ONCE, *some]) for some in _chunks(refs))
        purged = 0
        while some_gone := self.space.run(scripts.FORGET_DEAD, [_AT_ONCE]):
            purged += some_gone
        return purged

    def examine(self) -> list[Finding]:
        return examine(self.space, allows_eviction=self._allows_eviction)

    def close(self) -> None:
        self.engine.close()

    def _hasten(self, keys: list[str]) -> None:
        """Make ready what waits for later somewhere under these keys; in steps, for it may be among very many."""
        for queue in self.space.call("SMEMBERS", self.space.key("queues")):
            cursor: bytes | None = b"0"
            while keys and cursor is not None:
                cursor, found = self.space.run(scripts.HASTEN, [queue, cursor, _LOOKED_AT, *keys])
                gone = set(found)
                keys = [key for position, key in enumerate(keys) if position not in gone]
                cursor = None if cursor == b"0" else cursor


def _chunks(refs: Collection[str]) -> Iterator[list[str]]:
    """Those refs that can be ours, oldest first: the order they are put back in."""
    numbers = sorted({ref for ref in refs if ref.isascii() and ref.isdigit()}, key=int)
    return (numbers[i : i + _AT_ONCE] for i in range(0, len(numbers), _AT_ONCE))


def _stats(name: bytes, ready: int, delayed: int, running: int, dead: int, oldest: bytes) -> QueueStats:
    return QueueStats(
        name=name.decode(),
        ready=ready,
        delayed=delayed,
        running=running,
        dead=dead,
        oldest_ready_at=float(oldest) if oldest else None,
    )


def _letter(ref: bytes, queue: bytes, reason: bytes, died_at: bytes, raw: bytes) -> DeadLetter:
    message = unpack(raw)
    return DeadLetter(
        ref=ref.decode(),
        queue=queue.decode(),
        reason=reason.decode(),
        died_at=float(died_at),
        raw=raw,
        message=message if isinstance(message, Message) else None,
    )
