"""The SQL store: joins and values in the tables of an SQL engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, cast

from kernelq.contracts import Engine, Message
from kernelq.sql import SqlEngine, store_errors
from kernelq.workflows import Join, Op, WorkflowStore
from sqlalchemy import ColumnElement, exists, or_, select

from . import upkeep
from .batch import Batch
from .meeting import NOT_OPENED
from .statements import statements_of
from .tables import joins, kept, metadata, parts

if TYPE_CHECKING:
    from kernelq import KernelQ

_CHUNK = 500
"""Keys in one statement; the least limit known is SQLite's old one, 999."""


class SqlWorkflowStore(WorkflowStore):
    """Joins and values in a database. `now` is the clock of lifetimes, the engine's; tests set it."""

    engine: Engine

    def __init__(self, app: KernelQ, url: str, *, now: Callable[[], float] | None = None) -> None:
        self.engine = app.engine(url)
        self._sql = cast(SqlEngine, self.engine)
        self.now = now or self._sql.now
        self._statements = statements_of(self._sql.dialect)
        self._sql.create(metadata)

    @store_errors()
    def apply(self, ops: Sequence[Op]) -> Sequence[Message]:
        if not ops:
            return ()
        return self._sql.transact(lambda connection: self.apply_within(connection, ops))

    def apply_within(self, handle: Any, ops: Sequence[Op]) -> Sequence[Message]:
        return Batch(ops, self.now()).carry_out(self._statements, handle)

    @store_errors()
    def join(self, join: str) -> Join | None:
        columns = (joins.c[name] for name in Join.__struct_fields__)
        statement = select(*columns).where(joins.c.id == join, joins.c.state != NOT_OPENED, self._lives(joins))
        with self._sql.read() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else Join(**row._mapping)

    @store_errors()
    def parts(self, join: str, start: int, stop: int) -> list[bytes | None]:
        statement = select(parts.c.place, parts.c.part).where(
            parts.c.join_id == join,
            parts.c.place >= start,
            parts.c.place < stop,
            exists().where(joins.c.id == parts.c.join_id, self._lives(joins)),
        )
        with self._sql.read() as connection:
            found = {place: bytes(part) for place, part in connection.execute(statement)}
        return [found.get(place) for place in range(start, stop)]

    @store_errors()
    def kept(self, keys: Collection[str]) -> dict[str, bytes]:
        # The clock is asked before a connection is lent: there may be only one.
        names, statement = list(keys), select(kept.c.name, kept.c.value).where(self._lives(kept))
        found: dict[str, bytes] = {}
        with self._sql.read() as connection:
            for i in range(0, len(names), _CHUNK):
                rows = connection.execute(statement.where(kept.c.name.in_(names[i : i + _CHUNK])))
                found.update((name, bytes(value)) for name, value in rows)
        return found

    @store_errors()
    def overdue(self, *, fired: float, open: float) -> list[Message]:
        return self._sql.transact(lambda connection: upkeep.overdue(connection, fired, open, self.now()))

    @store_errors()
    def cleanup(self) -> int:
        joins_dropped = self._clean(upkeep.forget_outlived_joins, upkeep.JOINS_AT_ONCE)
        return joins_dropped + self._clean(upkeep.drop_outlived_values, upkeep.VALUES_AT_ONCE)

    def close(self) -> None:
        self.engine.close()

    def _clean(self, drop_some: Callable[[Any, float], int], limit: int) -> int:
        dropped = 0
        while True:
            some = self._sql.transact(lambda connection: drop_some(connection, self.now()))
            dropped += some
            if some < limit:
                return dropped

    def _lives(self, table: Any) -> ColumnElement[bool]:
        expires_at = table.c.expires_at
        return or_(expires_at.is_(None), expires_at > self.now())
