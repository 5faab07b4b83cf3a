"""The store's statements in SQLite's words, on the driver's own connection.

Nobody else writes in a transaction here, so nothing is locked; and a small statement costs about a microsecond, so those
about many rows are repeated for each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from .statements import JoinRow, KeptRow, OpenRow, PartRow

_ROW = "id, state, size, arrived, failures, failed, opened_at, since, expires_at"
_LOAD = f"SELECT {_ROW} FROM kernelq_joins WHERE id = ?"
_BEGIN = """
INSERT INTO kernelq_joins (id, state, arrived, failures, opened_at, since) VALUES (?, '', 0, 0, ?, ?)
ON CONFLICT (id) DO NOTHING
"""
_UPDATE = """
UPDATE kernelq_joins SET state = ?, size = ?, arrived = ?, failures = ?, failed = ?, opened_at = ?, since = ?, expires_at = ?
WHERE id = ?
"""
_OPEN = "UPDATE kernelq_joins SET message = ?, record = ? WHERE id = ?"
_MESSAGE = "SELECT id, message FROM kernelq_joins WHERE id = ?"

_TAKEN = "SELECT join_id, place, failed FROM kernelq_parts WHERE join_id = ? AND place = ?"
_EMPTY = "DELETE FROM kernelq_parts WHERE join_id = ?"
_FREE = "DELETE FROM kernelq_parts WHERE join_id = ? AND failed = 1"
_INSERT = "INSERT INTO kernelq_parts (join_id, place, failed, part) VALUES (?, ?, ?, ?)"

_KEEP = """
INSERT INTO kernelq_kept (name, expires_at, value) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET expires_at = excluded.expires_at, value = excluded.value
"""
_DROP = "DELETE FROM kernelq_kept WHERE name = ?"


class SqliteStatements:
    """See `Statements`."""

    def lock(self, connection: Any, joins: Sequence[str]) -> list[JoinRow]:
        raw = _raw(connection)
        return [row for join in joins for row in raw.execute(_LOAD, (join,))]

    def begin(self, connection: Any, joins: Sequence[str], now: float) -> None:
        _raw(connection).executemany(_BEGIN, [(join, now, now) for join in joins])

    def taken(self, connection: Any, places: Sequence[tuple[str, int]]) -> list[tuple[str, int, int]]:
        raw = _raw(connection)
        return [row for place in places for row in raw.execute(_TAKEN, place)]

    def messages(self, connection: Any, joins: Sequence[str]) -> list[tuple[str, Any]]:
        raw = _raw(connection)
        return [row for join in joins for row in raw.execute(_MESSAGE, (join,))]

    def empty(self, connection: Any, joins: Sequence[str], *, failed_only: bool) -> None:
        _raw(connection).executemany(_FREE if failed_only else _EMPTY, [(join,) for join in joins])

    def insert(self, connection: Any, parts: Sequence[PartRow]) -> None:
        _raw(connection).executemany(_INSERT, parts)

    def update(self, connection: Any, joins: Sequence[JoinRow]) -> None:
        _raw(connection).executemany(_UPDATE, [(*row[1:], row[0]) for row in joins])

    def open(self, connection: Any, joins: Sequence[OpenRow]) -> None:
        _raw(connection).executemany(_OPEN, [(message, record, join) for join, message, record in joins])

    def keep(self, connection: Any, values: Sequence[KeptRow]) -> None:
        _raw(connection).executemany(_KEEP, values)

    def drop(self, connection: Any, names: Sequence[str]) -> None:
        _raw(connection).executemany(_DROP, [(name,) for name in names])


def _raw(connection: Any) -> sqlite3.Connection:
    raw: sqlite3.Connection = connection.connection.driver_connection
    return raw
