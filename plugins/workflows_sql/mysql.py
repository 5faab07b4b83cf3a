"""The store's statements in MySQL's and MariaDB's words, on the driver's own connection.

The library sends the rows of an INSERT as one statement, those of an UPDATE one by one: so rows that are known
to be there are written by INSERT too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from .statements import JoinRow, KeptRow, OpenRow, PartRow

_CHUNK = 500
"""Ids or places in one statement; MariaDB makes a temporary table of a thousand."""

_ROW = "id, state, size, arrived, failures, failed, opened_at, since, expires_at"
_LOCK = f"SELECT {_ROW} FROM kernelq_joins WHERE id IN %s ORDER BY id FOR UPDATE"
_BEGIN = """
INSERT INTO kernelq_joins (id, state, arrived, failures, opened_at, since) VALUES (%s, '', 0, 0, %s, %s)
ON DUPLICATE KEY UPDATE kernelq_joins.id = kernelq_joins.id
"""
_UPDATE = f"""
INSERT INTO kernelq_joins ({_ROW}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON DUPLICATE KEY UPDATE state = VALUES(state), size = VALUES(size), arrived = VALUES(arrived), failures = VALUES(failures),
    failed = VALUES(failed), opened_at = VALUES(opened_at), since = VALUES(since), expires_at = VALUES(expires_at)
"""
_OPEN = """
INSERT INTO kernelq_joins (id, message, record, state, arrived, failures, opened_at, since)
VALUES (%s, %s, %s, '', 0, 0, 0, 0)
ON DUPLICATE KEY UPDATE message = VALUES(message), record = VALUES(record)
"""
_MESSAGES = "SELECT id, message FROM kernelq_joins WHERE id IN %s"

_TAKEN = "SELECT join_id, place, failed FROM kernelq_parts WHERE join_id = %s AND place IN %s"
_EMPTY = "DELETE FROM kernelq_parts WHERE join_id IN %s"
_FREE = _EMPTY + " AND failed = 1"
_INSERT = "INSERT INTO kernelq_parts (join_id, place, failed, part) VALUES (%s, %s, %s, %s)"

_KEEP = """
INSERT INTO kernelq_kept (name, expires_at, value) VALUES (%s, %s, %s)
ON DUPLICATE KEY UPDATE expires_at = VALUES(expires_at), value = VALUES(value)
"""
_DROP = "DELETE FROM kernelq_kept WHERE name IN %s"


class MysqlStatements:
    """See `Statements`."""

    def lock(self, connection: Any, joins: Sequence[str]) -> list[JoinRow]:
        return [row for some in _chunks(joins) for row in _rows(connection, _LOCK, (some,))]

    def begin(self, connection: Any, joins: Sequence[str], now: float) -> None:
        _run_many(connection, _BEGIN, [(join, now, now) for join in joins])

    def taken(self, connection: Any, places: Sequence[tuple[str, int]]) -> list[tuple[str, int, int]]:
        return [
            row
            for join, group in groupby(places, itemgetter(0))
            for some in _chunks([place for _, place in group])
            for row in _rows(connection, _TAKEN, (join, some))
        ]

    def messages(self, connection: Any, joins: Sequence[str]) -> list[tuple[str, Any]]:
        return [row for some in _chunks(joins) for row in _rows(connection, _MESSAGES, (some,))]

    def empty(self, connection: Any, joins: Sequence[str], *, failed_only: bool) -> None:
        for some in _chunks(joins):
            _rows(connection, _FREE if failed_only else _EMPTY, (some,))

    def insert(self, connection: Any, parts: Sequence[PartRow]) -> None:
        _run_many(connection, _INSERT, parts)

    def update(self, connection: Any, joins: Sequence[JoinRow]) -> None:
        _run_many(connection, _UPDATE, joins)

    def open(self, connection: Any, joins: Sequence[OpenRow]) -> None:
        _run_many(connection, _OPEN, joins)

    def keep(self, connection: Any, values: Sequence[KeptRow]) -> None:
        _run_many(connection, _KEEP, values)

    def drop(self, connection: Any, names: Sequence[str]) -> None:
        for some in _chunks(names):
            _rows(connection, _DROP, (some,))


def _rows(connection: Any, statement: str, values: Sequence[Any]) -> list[Any]:
    with connection.connection.driver_connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _run_many(connection: Any, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    with connection.connection.driver_connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def _chunks(values: Sequence[Any]) -> Iterator[list[Any]]:
    return (list(values[i : i + _CHUNK]) for i in range(0, len(values), _CHUNK))
