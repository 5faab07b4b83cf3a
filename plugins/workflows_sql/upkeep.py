"""What waits for too long, and what has outlived its `ttl`; seldom asked for, so in SQLAlchemy's words.

Rows that somebody else has locked are left out: he is changing them, and the next look finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from kernelq.contracts import Message
from kernelq.workflows import FIRED, WAITING
from sqlalchemy import Column, Select, delete, select, update

from .batch import readable
from .meeting import NOT_OPENED
from .tables import joins, kept, parts

OVERDUE_AT_ONCE = 1000
"""Messages of one look."""

_CHUNK = 500
"""Ids in one statement; the least limit known is SQLite's old one, 999."""

JOINS_AT_ONCE = 50
"""Joins dropped in one transaction: each may have many parts, and nobody else writes meanwhile with SQLite."""

VALUES_AT_ONCE = 500


def overdue(connection: Any, fired: float, open: float, now: float) -> list[Message]:
    """See `kernelq.workflows.WorkflowStore.overdue`."""
    orphans = [join for join, *_ in _late(connection, NOT_OPENED, now - open)]
    _forget(connection, orphans)
    waiting = _late(connection, WAITING, now - open)
    oldest = sorted([*_late(connection, FIRED, now - fired), *waiting], key=itemgetter(1))[:OVERDUE_AT_ONCE]
    firing = {join for join, *_ in oldest} & {join for join, *_ in waiting}
    for some in _chunks(sorted(firing)):
        connection.execute(update(joins).where(joins.c.id.in_(some)).values(state=FIRED, since=now))
    found = [readable(join, raw) for join, _, raw in oldest]
    return [message for message in found if message is not None]


def forget_outlived_joins(connection: Any, now: float) -> int:
    """Drop up to `JOINS_AT_ONCE` joins that have outlived their `ttl`; return how many."""
    statement = select(joins.c.id).where(joins.c.expires_at <= now).order_by(joins.c.expires_at).limit(JOINS_AT_ONCE)
    outlived = connection.scalars(statement.with_for_update(skip_locked=True)).all()
    _forget(connection, outlived)
    return len(outlived)


def drop_outlived_values(connection: Any, now: float) -> int:
    """Drop up to `VALUES_AT_ONCE` values that have outlived their `ttl`; return how many."""
    statement = select(kept.c.name).where(kept.c.expires_at <= now).order_by(kept.c.expires_at).limit(VALUES_AT_ONCE)
    outlived = connection.scalars(statement.with_for_update(skip_locked=True)).all()
    _delete(connection, kept.c.name, outlived)
    return len(outlived)


def late(state: str, before: float) -> Select[tuple[str, float, Any]]:
    """Id, since when, and packed message of those that came to be in this state before an instant; oldest first."""
    statement = select(joins.c.id, joins.c.since, joins.c.message).where(joins.c.state == state, joins.c.since < before)
    statement = statement.order_by(joins.c.since).limit(OVERDUE_AT_ONCE)
    # Those that have fired are only read.
    return statement if state == FIRED else statement.with_for_update(skip_locked=True)


def _late(connection: Any, state: str, before: float) -> Sequence[tuple[str, float, Any]]:
    found: Sequence[tuple[str, float, Any]] = connection.execute(late(state, before)).all()
    return found


def _forget(connection: Any, ids: Sequence[str]) -> None:
    """Drop joins, whose rows are locked, and their parts."""
    _delete(connection, parts.c.join_id, ids)
    _delete(connection, joins.c.id, ids)


def _delete(connection: Any, column: Column[str], values: Sequence[str]) -> None:
    for some in _chunks(values):
        connection.execute(delete(column.table).where(column.in_(some)))


def _chunks(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[i : i + _CHUNK] for i in range(0, len(values), _CHUNK)]
