"""The backend's statements in PostgreSQL's words: each batch is one statement, its rows come as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .statements import Row, distinct

_STORE = """
INSERT INTO kernelq_results AS stored (task, state, fence, expires_at, blob)
SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::float8[], %s::bytea[])
ON CONFLICT (task) DO UPDATE
SET state = excluded.state, fence = excluded.fence, expires_at = excluded.expires_at, blob = excluded.blob
WHERE (stored.state != 'SUCCESS' AND excluded.fence >= stored.fence) OR stored.expires_at <= %s
"""

_LOAD = """
SELECT task, blob FROM kernelq_results WHERE task = ANY(%s::text[]) AND (expires_at IS NULL OR expires_at > %s)
"""

_CLEAN = """
DELETE FROM kernelq_results WHERE task IN (
    SELECT task FROM kernelq_results WHERE expires_at <= %s ORDER BY expires_at LIMIT {limit:d} FOR UPDATE SKIP LOCKED
)
"""


class PostgresStatements:
    """See `Statements`."""

    def store(self, connection: Any, rows: Sequence[Row], now: float) -> None:
        for batch in distinct(rows):
            columns = [list(column) for column in zip(*batch, strict=True)]
            _run(connection, _STORE, (*columns, now))

    def load(self, connection: Any, ids: Sequence[str], now: float) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = _run(connection, _LOAD, (list(ids), now)).fetchall()
        return found

    def clean(self, connection: Any, now: float, limit: int) -> int:
        dropped: int = _run(connection, _CLEAN.format(limit=limit), (now,)).rowcount
        return dropped


def _run(connection: Any, statement: str, values: Sequence[Any]) -> Any:
    """A cursor with the rows; binary, for blobs come as text in twice the size otherwise."""
    return connection.connection.driver_connection.cursor(binary=True).execute(statement, values)
