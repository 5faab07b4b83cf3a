"""The store's tables.

    kernelq_joins   joins, and a row of state '' for parts whose join is not opened yet
    kernelq_parts   what members brought to their places
    kernelq_kept    values by key

The counts in a join's row are those of its parts' rows, so that nobody has to count them: `arrived` of all, `failures` of
those whose member failed. `since` is when the join came to be in its state; `failed` the place that failed first.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, MetaData, SmallInteger, String, Table, Text, text
from sqlalchemy.dialects.mysql import LONGBLOB

metadata = MetaData(info={"name": "workflows", "version": 1, "upgrades": {}})

_MYSQL = ("mysql", "mariadb")
# MySQL wants a length for what is indexed, and would take "A" for "a" otherwise.
_Text = Text().with_variant(String(255, collation="utf8mb4_bin"), *_MYSQL)
_State = Text().with_variant(String(16, collation="utf8mb4_bin"), *_MYSQL)
_Bytes = LargeBinary().with_variant(LONGBLOB(), *_MYSQL)
_Instant = Float(53)  # UTC epoch seconds

joins = Table(
    "kernelq_joins",
    metadata,
    Column("id", _Text, primary_key=True),
    Column("state", _State, nullable=False),
    Column("size", Integer),
    Column("arrived", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failed", Integer),
    Column("opened_at", _Instant, nullable=False),
    Column("since", _Instant, nullable=False),
    Column("expires_at", _Instant),
    Column("message", _Bytes),
    Column("record", _Bytes),
    # Its row is written anew by every batch of arrivals; where there is room in the page, no index is.
    postgresql_with={"fillfactor": 50, "autovacuum_vacuum_scale_factor": 0.02, "autovacuum_vacuum_threshold": 100},
    mysql_default_charset="utf8mb4",
    mariadb_default_charset="utf8mb4",
)

parts = Table(
    "kernelq_parts",
    metadata,
    Column("join_id", _Text, primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("failed", SmallInteger, nullable=False),
    Column("part", _Bytes, nullable=False),
    sqlite_with_rowid=False,  # the parts of a join lie side by side, in the order in which they are read
    mysql_default_charset="utf8mb4",
    mariadb_default_charset="utf8mb4",
)

kept = Table(
    "kernelq_kept",
    metadata,
    Column("name", _Text, primary_key=True),
    Column("expires_at", _Instant),
    Column("value", _Bytes, nullable=False),
    mysql_default_charset="utf8mb4",
    mariadb_default_charset="utf8mb4",
)

_expires = text("expires_at IS NOT NULL")
Index("kernelq_joins_late", joins.c.state, joins.c.since)
Index("kernelq_joins_expiring", joins.c.expires_at, sqlite_where=_expires, postgresql_where=_expires)
Index("kernelq_kept_expiring", kept.c.expires_at, sqlite_where=_expires, postgresql_where=_expires)
