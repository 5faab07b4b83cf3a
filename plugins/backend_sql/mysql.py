"""The backend's statements in MySQL's and MariaDB's words, on the driver's own connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .statements import Row, distinct

# The library sends many rows in one statement. A task that is there stays as it is, and is locked.
_INSERT = """
INSERT INTO kernelq_results (task, state, fence, expires_at, `blob`) VALUES (%s, %s, %s, %s, %s)
ON DUPLICATE KEY UPDATE kernelq_results.task = kernelq_results.task
"""

_REPLACE = """
UPDATE kernelq_results AS stored JOIN (
    SELECT NULL AS task, NULL AS state, 0 AS fence, NULL AS expires_at, NULL AS `blob` FROM DUAL WHERE 1 = 0 {news}
) AS news ON stored.task = news.task COLLATE utf8mb4_bin
SET stored.state = news.state, stored.fence = news.fence, stored.expires_at = news.expires_at, stored.`blob` = news.`blob`
WHERE (stored.state != 'SUCCESS' AND news.fence >= stored.fence) OR stored.expires_at <= %s
"""
_NEWS = "UNION ALL SELECT %s, %s, %s, %s, %s "

_LOAD = "SELECT task, `blob` FROM kernelq_results WHERE task IN %s AND (expires_at IS NULL OR expires_at > %s)"

_CLEAN = "DELETE FROM kernelq_results WHERE expires_at <= %s ORDER BY expires_at LIMIT %s"


class MysqlStatements:
    """See `Statements`."""

    def store(self, connection: Any, rows: Sequence[Row], now: float) -> None:
        with _cursor(connection) as cursor:
            for batch in distinct(rows):
                if cursor.executemany(_INSERT, batch) < len(batch):
                    values = [value for row in batch for value in row]
                    cursor.execute(_REPLACE.format(news=_NEWS * len(batch)), (*values, now))

    def load(self, connection: Any, ids: Sequence[str], now: float) -> list[tuple[str, Any]]:
        with _cursor(connection) as cursor:
            cursor.execute(_LOAD, (list(ids), now))
            return list(cursor.fetchall())

    def clean(self, connection: Any, now: float, limit: int) -> int:
        with _cursor(connection) as cursor:
            dropped: int = cursor.execute(_CLEAN, (now, limit))
            return dropped


def _cursor(connection: Any) -> Any:
    return connection.connection.driver_connection.cursor()
