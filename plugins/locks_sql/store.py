"""The SQL store: claims in a table of an SQL engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, cast

from kernelq.contracts import Engine, Message
from kernelq.locks import Claim, Holder, LockStore, Op
from kernelq.sql import SqlEngine, store_errors
from sqlalchemy import ColumnElement, delete, select

from .claiming import carry_out, claim, insert_of, seen, stored
from .tables import claims, metadata

if TYPE_CHECKING:
    from kernelq import KernelQ

_CHUNK = 500
"""Keys in one statement; the least limit known is SQLite's old one, 999."""


class SqlLockStore(LockStore):
    """Claims in a database. `now` is the clock of claims, the engine's; tests set it."""

    engine: Engine

    def __init__(self, app: KernelQ, url: str, *, now: Callable[[], float] | None = None) -> None:
        self.engine = app.engine(url)
        self._sql = cast(SqlEngine, self.engine)
        self.now = now or self._sql.now
        self._insert = insert_of(self._sql.dialect)
        self._sql.create(metadata)

    @store_errors()
    def claim(self, claims: Sequence[Claim]) -> list[Holder | None]:
        # In the order of keys, so that no two wait for each other; the answers in the order asked.
        order = sorted(range(len(claims)), key=lambda i: claims[i].key)

        def work(connection: Any) -> list[Holder | None]:
            now = self.now()
            found = {i: claim(connection, self._insert, claims[i], now) for i in order}
            return [found[i] for i in range(len(claims))]

        return self._sql.transact(work) if claims else []

    @store_errors()
    def apply(self, ops: Sequence[Op]) -> Sequence[Message]:
        if ops:
            self._sql.transact(lambda connection: self.apply_within(connection, ops))
        return ()

    def apply_within(self, handle: Any, ops: Sequence[Op]) -> Sequence[Message]:
        carry_out(handle, ops, self.now())
        return ()

    @store_errors()
    def holders(self, keys: Collection[str]) -> dict[str, Holder]:
        now = self.now()  # asked before a connection is lent: there may be only one
        names = [stored(key) for key in keys]
        found: dict[str, Holder] = {}
        with self._sql.read() as connection:
            for i in range(0, len(names), _CHUNK):
                statement = select(claims).where(claims.c.key.in_(names[i : i + _CHUNK]), _lives(now))
                holders = [seen(row, now) for row in connection.execute(statement)]
                found |= {holder.key: holder for holder in holders}
        return found

    @store_errors()
    def claims(self, limit: int = 1000) -> list[Holder]:
        now = self.now()
        statement = select(claims).where(_lives(now)).order_by(claims.c.since).limit(limit)
        with self._sql.read() as connection:
            return [seen(row, now) for row in connection.execute(statement)]

    @store_errors()
    def free(self, key: str) -> bool:
        return self._delete(claims.c.key == stored(key), _lives(self.now())) > 0

    @store_errors()
    def cleanup(self) -> int:
        return self._delete(claims.c.queue == "", claims.c.ends_at <= self.now())

    def close(self) -> None:
        self.engine.close()

    def _delete(self, *where: ColumnElement[bool]) -> int:
        return self._sql.transact(lambda connection: int(connection.execute(delete(claims).where(*where)).rowcount))


def _lives(now: float) -> ColumnElement[bool]:
    return (claims.c.queue != "") | (claims.c.ends_at > now)
