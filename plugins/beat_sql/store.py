"""The SQL store of schedules: few rows, changed a few times a second at most, so in SQLAlchemy's words for every dialect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec
from kernelq.beat import (
    Board,
    Claim,
    Mark,
    NotLeading,
    Op,
    Open,
    ScheduleStore,
    Sent,
    instant_of,
    namespace_of,
    ticks_of,
)
from kernelq.contracts import Broker, BrokerError, Engine, Message, pack, unpack
from kernelq.sql import SqlEngine, store_errors
from sqlalchemy import ColumnElement, Table, and_, delete, insert, select, update

from .tables import entries, leader, marks, metadata, opened

if TYPE_CHECKING:
    from kernelq import KernelQ


class SqlScheduleStore(ScheduleStore):
    """Marks and entries in a database. `now` is the clock of leadership, the engine's; tests set it."""

    engine: Engine

    def __init__(self, app: KernelQ, url: str, *, now: Callable[[], float] | None = None) -> None:
        self.engine = app.engine(url)
        self._sql = cast(SqlEngine, self.engine)
        self.now = now or self._sql.now
        self._sql.create(metadata)
        self._namespace = namespace_of(app)
        self._is_begun = False

    @store_errors()
    def lead(self, holder: str, lease: float) -> int | None:
        self._begin()
        return self._sql.transact(lambda connection: self._lead(connection, holder, lease))

    @store_errors()
    def resign(self, holder: str) -> None:
        statement = update(leader).where(self._own(leader), leader.c.holder == holder).values(holder="", ends_at=0.0)
        self._sql.transact(lambda connection: connection.execute(statement))

    @store_errors()
    def version(self) -> int:
        with self._sql.read() as connection:
            return int(connection.scalar(select(leader.c.version).where(self._own(leader))) or 0)

    @store_errors()
    def board(self) -> Board:
        with self._sql.read() as connection:
            # The version first: what changes after it was read is read again.
            version = int(connection.scalar(select(leader.c.version).where(self._own(leader))) or 0)
            definitions = connection.execute(
                select(entries.c.name, entries.c.definition).where(self._own(entries))
            ).all()
            rows = connection.execute(select(marks).where(self._own(marks))).all()
            some = connection.execute(select(opened).where(self._own(opened)).order_by(opened.c.instant)).all()
        return Board(
            version=version,
            entries={name: msgspec.json.decode(bytes(raw)) for name, raw in definitions},
            marks={row.key: Mark(last=instant_of(row.last), count=row.count, paused=bool(row.paused)) for row in rows},
            open=[Open(key=row.key, instant=instant_of(row.instant), message=_message(row.message)) for row in some],
        )

    def claim(self, claim: Claim, *, fence: int, broker: Broker | None = None) -> bool:
        message = claim.message

        def work(connection: Any) -> bool:
            if not self._claim(connection, claim, fence, is_kept=broker is None):
                return False
            if broker is not None and message is not None:
                broker.publish_within(connection, [message])
            return True

        if broker is not None:
            return self._sql.transact(work)
        with store_errors():
            return self._sql.transact(work)

    @store_errors()
    def put(self, name: str, definition: dict[str, Any], *, is_new: bool) -> bool:
        raw = msgspec.json.encode(definition)

        def work(connection: Any) -> bool:
            known = connection.scalar(select(entries.c.name).where(self._own(entries, entries.c.name == name)))
            if (known is None) != is_new:
                return False
            if is_new:
                connection.execute(insert(entries).values(namespace=self._namespace, name=name, definition=raw))
            else:
                connection.execute(
                    update(entries).where(self._own(entries, entries.c.name == name)).values(definition=raw)
                )
            return True

        return self._edit(work)

    @store_errors()
    def remove(self, key: str) -> bool:
        origin, _, name = key.partition(":")

        def work(connection: Any) -> bool:
            connection.execute(delete(opened).where(self._own(opened, opened.c.key == key)))
            known = connection.execute(delete(marks).where(self._own(marks, marks.c.key == key))).rowcount
            if origin == "store":
                known += connection.execute(delete(entries).where(self._own(entries, entries.c.name == name))).rowcount
            return bool(known)

        return self._edit(work)

    @store_errors()
    def pause(self, key: str, paused: bool, *, now: float) -> None:
        ticks = ticks_of(now)

        def work(connection: Any) -> bool:
            mark = connection.execute(
                select(marks).where(self._own(marks, marks.c.key == key)).with_for_update()
            ).one_or_none()
            if mark is None:
                connection.execute(
                    insert(marks).values(namespace=self._namespace, key=key, last=ticks, count=0, paused=int(paused))
                )
                return True
            last = max(mark.last, ticks) if mark.paused and not paused else mark.last
            connection.execute(
                update(marks).where(self._own(marks, marks.c.key == key)).values(last=last, paused=int(paused))
            )
            return True

        self._edit(work)

    @store_errors()
    def apply(self, ops: Sequence[Op]) -> Sequence[Message]:
        if ops:
            self._sql.transact(lambda connection: self.apply_within(connection, ops))
        return ()

    def apply_within(self, handle: Any, ops: Sequence[Op]) -> Sequence[Message]:
        for op in ops:
            here = self._own(opened, opened.c.key == op.key) & (opened.c.instant == ticks_of(op.instant))
            if isinstance(op, Sent):
                handle.execute(update(opened).where(here, opened.c.watched == 1).values(message=None))
                here &= opened.c.watched == 0
            handle.execute(delete(opened).where(here))
        return ()

    def close(self) -> None:
        self.engine.close()

    def _own(self, table: Table, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
        return and_(table.c.namespace == self._namespace, *conditions)

    # --- inside a transaction

    def _begin(self) -> None:
        """See to it that the leader's row is there, which all that change anything lock first."""
        if not self._is_begun:
            with self._sql.read() as connection:
                self._is_begun = connection.scalar(select(leader.c.fence).where(self._own(leader))) is not None
        if self._is_begun:
            return
        first = insert(leader).values(namespace=self._namespace, holder="", fence=0, ends_at=0.0, version=0)
        try:
            self._sql.transact(lambda connection: connection.execute(first))
        except BrokerError:  # somebody else was quicker, or it says why
            with self._sql.read() as connection:
                if connection.scalar(select(leader.c.fence).where(self._own(leader))) is None:
                    raise
        self._is_begun = True

    def _lead(self, connection: Any, holder: str, lease: float) -> int | None:
        row = connection.execute(select(leader).where(self._own(leader)).with_for_update()).one()
        now = self.now()
        if row.holder != holder and row.ends_at >= now:
            return None
        fence: int = row.fence + (row.holder != holder)
        connection.execute(
            update(leader).where(self._own(leader)).values(holder=holder, fence=fence, ends_at=now + lease)
        )
        return fence

    def _claim(self, connection: Any, claim: Claim, fence: int, *, is_kept: bool) -> bool:
        # Not locked: one who is frozen in here would keep the others from leading. It is the mark that lets one through.
        row = connection.execute(select(leader.c.fence, leader.c.ends_at).where(self._own(leader))).one_or_none()
        if row is None or row.fence != fence or row.ends_at < self.now():
            raise NotLeading(claim.key)
        last, sent = ticks_of(claim.last), int(claim.message is not None)
        if claim.seen is None:
            if connection.scalar(select(marks.c.key).where(self._own(marks, marks.c.key == claim.key))) is not None:
                return False
            connection.execute(
                insert(marks).values(namespace=self._namespace, key=claim.key, last=last, count=sent, paused=0)
            )
        else:
            mine = select(marks.c.last).where(self._own(marks, marks.c.key == claim.key))
            # A locked one is being moved by the last leader, who may be frozen: that is its affair alone.
            if connection.scalar(mine.with_for_update(skip_locked=True)) != ticks_of(claim.seen):
                return False
            moved = (
                update(marks)
                .where(self._own(marks, marks.c.key == claim.key))
                .values(last=last, count=marks.c.count + sent)
            )
            connection.execute(moved)
        if claim.watched or (is_kept and sent):
            kept = pack(claim.message) if is_kept and claim.message is not None else None
            row = {
                "namespace": self._namespace,
                "key": claim.key,
                "instant": last,
                "watched": int(claim.watched),
                "message": kept,
            }
            connection.execute(insert(opened).values(**row))
        return True

    def _edit(self, work: Callable[[Any], bool]) -> bool:
        self._begin()

        def locked(connection: Any) -> bool:
            connection.execute(select(leader.c.fence).where(self._own(leader)).with_for_update())
            done = work(connection)
            connection.execute(update(leader).where(self._own(leader)).values(version=leader.c.version + 1))
            return done

        return self._sql.transact(locked)


def _message(raw: Any) -> Message | None:
    message = None if raw is None else unpack(bytes(raw))
    return message if isinstance(message, Message) else None
