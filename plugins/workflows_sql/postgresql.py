"""The store's statements in PostgreSQL's words: each batch is one statement, its rows come as arrays.

Ids are compared byte by byte where rows are locked, which is the order they are given in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .statements import JoinRow, KeptRow, OpenRow, PartRow

_ROW = "id, state, size, arrived, failures, failed, opened_at, since, expires_at"
_LOCK = f"""
SELECT {_ROW} FROM kernelq_joins WHERE id = ANY(%s::text[]) ORDER BY id COLLATE "C" FOR UPDATE
"""
_BEGIN = """
INSERT INTO kernelq_joins (id, state, arrived, failures, opened_at, since)
SELECT id, '', 0, 0, %s, %s FROM unnest(%s::text[]) AS id ORDER BY id COLLATE "C"
ON CONFLICT (id) DO NOTHING
"""
_UPDATE = """
UPDATE kernelq_joins AS j
SET state = news.state, size = news.size, arrived = news.arrived, failures = news.failures, failed = news.failed,
    opened_at = news.opened_at, since = news.since, expires_at = news.expires_at
FROM unnest(
    %s::text[], %s::text[], %s::int[], %s::int[], %s::int[], %s::int[], %s::float8[], %s::float8[], %s::float8[]
) AS news (id, state, size, arrived, failures, failed, opened_at, since, expires_at)
WHERE j.id = news.id
"""
_OPEN = """
UPDATE kernelq_joins AS j SET message = news.message, record = news.record
FROM unnest(%s::text[], %s::bytea[], %s::bytea[]) AS news (id, message, record) WHERE j.id = news.id
"""
_MESSAGES = "SELECT id, message FROM kernelq_joins WHERE id = ANY(%s::text[])"

_TAKEN = """
SELECT p.join_id, p.place, p.failed FROM unnest(%s::text[], %s::int[]) AS asked (join_id, place)
JOIN kernelq_parts AS p ON p.join_id = asked.join_id AND p.place = asked.place
"""
_EMPTY = "DELETE FROM kernelq_parts WHERE join_id = ANY(%s::text[])"
_FREE = _EMPTY + " AND failed = 1"
_INSERT = """
INSERT INTO kernelq_parts (join_id, place, failed, part)
SELECT * FROM unnest(%s::text[], %s::int[], %s::smallint[], %s::bytea[])
"""

_KEEP = """
INSERT INTO kernelq_kept (name, expires_at, value)
SELECT * FROM unnest(%s::text[], %s::float8[], %s::bytea[])
ON CONFLICT (name) DO UPDATE SET expires_at = excluded.expires_at, value = excluded.value
"""
_DROP = "DELETE FROM kernelq_kept WHERE name = ANY(%s::text[])"


class PostgresStatements:
    """See `Statements`."""

    def lock(self, connection: Any, joins: Sequence[str]) -> list[JoinRow]:
        found: list[JoinRow] = _run(connection, _LOCK, (list(joins),)).fetchall()
        return found

    def begin(self, connection: Any, joins: Sequence[str], now: float) -> None:
        _run(connection, _BEGIN, (now, now, list(joins)))

    def taken(self, connection: Any, places: Sequence[tuple[str, int]]) -> list[tuple[str, int, int]]:
        found: list[tuple[str, int, int]] = _run(connection, _TAKEN, _columns(places)).fetchall()
        return found

    def messages(self, connection: Any, joins: Sequence[str]) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = _run(connection, _MESSAGES, (list(joins),)).fetchall()
        return found

    def empty(self, connection: Any, joins: Sequence[str], *, failed_only: bool) -> None:
        _run(connection, _FREE if failed_only else _EMPTY, (list(joins),))

    def insert(self, connection: Any, parts: Sequence[PartRow]) -> None:
        _run(connection, _INSERT, _columns(parts))

    def update(self, connection: Any, joins: Sequence[JoinRow]) -> None:
        _run(connection, _UPDATE, _columns(joins))

    def open(self, connection: Any, joins: Sequence[OpenRow]) -> None:
        _run(connection, _OPEN, _columns(joins))

    def keep(self, connection: Any, values: Sequence[KeptRow]) -> None:
        _run(connection, _KEEP, _columns(values))

    def drop(self, connection: Any, names: Sequence[str]) -> None:
        _run(connection, _DROP, (list(names),))


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _run(connection: Any, statement: str, values: Sequence[Any]) -> Any:
    """A cursor with the rows; binary, for blobs come as text in twice the size otherwise."""
    return connection.connection.driver_connection.cursor(binary=True).execute(statement, values)
