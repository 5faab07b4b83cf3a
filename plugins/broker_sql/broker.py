"""The SQL broker: publishing, renewing, and what administrators ask."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, cast

from kernelq.contracts import Broker, Capabilities, DeadLetter, Engine, Message, QueueStats
from kernelq.sql import SqlEngine

from . import dead_letters, holdings, stock
from .consumer import SqlConsumer
from .news import CHANNEL, is_news
from .statements import PRIORITIES, row_of, statements_of
from .tables import metadata

if TYPE_CHECKING:
    from kernelq import KernelQ


class SqlBroker(Broker):
    """Messages in the tables of an SQL engine. `now` is the clock of etas and leases; tests set it."""

    capabilities: Capabilities = Capabilities(
        durable=True,
        processes=True,
        delay=True,
        priorities=PRIORITIES,
        leases=True,
        transactions=True,
        push=sys.platform == "linux",
        dedup=True,
        inventory=True,
    )
    engine: Engine

    def __init__(self, app: KernelQ, url: str, *, now: Callable[[], float] = time.time) -> None:
        self.engine = app.engine(url)
        self.now = now
        self._sql = cast(SqlEngine, self.engine)
        self._statements = statements_of(self._sql.dialect)
        self._sql.create(metadata)

    def publish(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        now = self.now()
        rows = [row_of(message, now) for message in messages]
        with self._sql.begin() as connection:
            self._statements.insert(connection, rows)
            if is_news(rows, now):
                self._sql.notify(connection, CHANNEL)

    def consumer(self, queues: Sequence[str], *, id: str, lease: float) -> SqlConsumer:
        return SqlConsumer(self._sql, self._statements, queues, id=id, lease=lease, now=lambda: self.now())

    def renew(self, consumer_ids: Sequence[str]) -> list[str]:
        with self._sql.begin() as connection:
            return holdings.renew(connection, consumer_ids, self.now())

    def queues(self) -> list[QueueStats]:
        with self._sql.read() as connection:
            return stock.stand(connection, self.now())

    def purge(self, queue: str) -> int:
        purged = 0
        while True:
            with self._sql.begin() as connection:
                some = stock.purge_some(connection, queue)
            if not some:
                return purged
            purged += some

    def dead(self, *, queue: str | None = None, limit: int = 100) -> list[DeadLetter]:
        with self._sql.read() as connection:
            return dead_letters.newest(connection, queue, limit)

    def dead_retry(self, refs: Collection[str]) -> int:
        with self._sql.begin() as connection:
            self._sql.notify(connection, CHANNEL)
            return dead_letters.revive(connection, self._statements, refs, self.now())

    def dead_purge(self, refs: Collection[str] | None = None) -> int:
        with self._sql.begin() as connection:
            return dead_letters.forget(connection, refs)

    def close(self) -> None:
        self.engine.close()
