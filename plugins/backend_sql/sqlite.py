"""The backend's statements in SQLite's words, on the driver's own connection.

Here a row costs what SQLite takes for it: one outcome is stored with nearly every message.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Any

from .statements import CHUNK, Row

_STORE = """
INSERT INTO kernelq_results (task, state, fence, expires_at, blob) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (task) DO UPDATE
SET state = excluded.state, fence = excluded.fence, expires_at = excluded.expires_at, blob = excluded.blob
WHERE (kernelq_results.state != 'SUCCESS' AND excluded.fence >= kernelq_results.fence)
    OR kernelq_results.expires_at <= ?
"""

_CLEAN = """
DELETE FROM kernelq_results WHERE task IN (SELECT task FROM kernelq_results WHERE expires_at <= ? LIMIT ?)
"""

_SIZES = (1, 10, 100, CHUNK)
"""Numbers of ids with a statement of their own: each stays prepared, whatever number is asked for."""


class SqliteStatements:
    """See `Statements`."""

    def store(self, connection: Any, rows: Sequence[Row], now: float) -> None:
        _raw(connection).executemany(_STORE, [(*row, now) for row in rows])

    def load(self, connection: Any, ids: Sequence[str], now: float) -> list[tuple[str, Any]]:
        marks = next(size for size in _SIZES if size >= len(ids))
        padded = (*ids, *[ids[-1]] * (marks - len(ids)))
        found: list[tuple[str, Any]] = _raw(connection).execute(_load(marks), (*padded, now)).fetchall()
        return found

    def clean(self, connection: Any, now: float, limit: int) -> int:
        return _raw(connection).execute(_CLEAN, (now, limit)).rowcount


def _raw(connection: Any) -> sqlite3.Connection:
    raw: sqlite3.Connection = connection.connection.driver_connection
    return raw


@cache
def _load(ids: int) -> str:
    marks = ", ".join("?" * ids)
    return f"""
    SELECT task, blob FROM kernelq_results
    WHERE task IN ({marks}) AND (expires_at IS NULL OR expires_at > ?)
    """
