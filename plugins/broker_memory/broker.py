"""The memory broker: the contract in its plainest form, and the model the other engines are compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import islice
from typing import TYPE_CHECKING, cast

from kernelq.contracts import Broker, Capabilities, DeadLetter, Message, QueueStats, unpack

from .consumer import MemoryConsumer
from .engine import MemoryEngine
from .ledger import Dead, Ledger, Waiting

if TYPE_CHECKING:
    from kernelq import KernelQ


class MemoryBroker(Broker):
    """Messages in this process's memory; several brokers on one engine are one."""

    capabilities: Capabilities = Capabilities(
        delay=True, priorities=10, leases=True, transactions=True, push=True, dedup=True, revoking=True,
        inventory=True,
    )  # fmt: skip
    engine: MemoryEngine

    def __init__(self, app: KernelQ, url: str) -> None:
        self.engine = cast(MemoryEngine, app.engine(url))

    def publish(self, messages: Sequence[Message]) -> None:
        with self.engine.condition:
            self._ledger.publish(messages, self.engine.now())
            self.engine.condition.notify_all()

    def consumer(self, queues: Sequence[str], *, id: str, lease: float) -> MemoryConsumer:
        return MemoryConsumer(self.engine, queues, id=id, lease=lease)

    def renew(self, consumer_ids: Sequence[str]) -> list[str]:
        ended = []
        with self.engine.condition:
            now = self.engine.now()
            for consumer_id in consumer_ids:
                lease = self._ledger.leases.get(consumer_id)
                if lease is None or lease.ends_at <= now:
                    ended.append(consumer_id)
                else:
                    lease.ends_at = now + lease.lasts
        return ended

    def queues(self) -> list[QueueStats]:
        with self.engine.condition:
            now = self.engine.now()
            leases, dead = self._ledger.leases.values(), self._ledger.dead.values()
            running_in = Counter(entry.queue for lease in leases for entry in lease.held.values())
            dead_in = Counter(letter.entry.queue for letter in dead)
            return [
                _stats(name, self._ledger.queue(name), running=running_in[name], dead=dead_in[name], now=now)
                for name in sorted({*self._ledger.queues, *running_in, *dead_in})
            ]

    def purge(self, queue: str) -> int:
        with self.engine.condition:
            return self._ledger.purge(queue)

    def revoke(self, ids: Collection[str], ttl: float) -> list[str]:
        with self.engine.condition:
            self.engine.condition.notify_all()
            return self._ledger.revoke(ids, self.engine.now(), ttl)

    def dead(self, *, queue: str | None = None, limit: int = 100) -> list[DeadLetter]:
        with self.engine.condition:
            newest = reversed(self._ledger.dead.items())
            wanted = (item for item in newest if queue in (None, item[1].entry.queue))
            return [_dead_letter(ref, dead) for ref, dead in islice(wanted, limit)]

    def dead_retry(self, refs: Collection[str]) -> int:
        with self.engine.condition:
            now = self.engine.now()
            revived = sum(self._ledger.revive(ref, now) for ref in refs)
            self.engine.condition.notify_all()
            return revived

    def dead_purge(self, refs: Collection[str] | None = None) -> int:
        with self.engine.condition:
            dead = self._ledger.dead
            gone = [ref for ref in (list(dead) if refs is None else refs) if dead.pop(ref, None)]
            return len(gone)

    def close(self) -> None:
        """Nothing: there are no connections, and the messages stay."""

    @property
    def _ledger(self) -> Ledger:
        return self.engine.space("broker", Ledger)


def _stats(name: str, waiting: Waiting, *, running: int, dead: int, now: float) -> QueueStats:
    waiting.promote(now)
    return QueueStats(
        name=name,
        ready=len(waiting.ready),
        delayed=len(waiting.delayed),
        running=running,
        dead=dead,
        oldest_ready_at=min((entry.published_at for _, entry in waiting.ready), default=None),
    )


def _dead_letter(ref: str, dead: Dead) -> DeadLetter:
    message = unpack(dead.entry.raw)
    return DeadLetter(
        ref=ref,
        queue=dead.entry.queue,
        reason=dead.reason,
        died_at=dead.died_at,
        raw=dead.entry.raw,
        message=message if isinstance(message, Message) else None,
    )
