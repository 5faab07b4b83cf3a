"""The backend's table.

    kernelq_results   the newest accepted outcome of each task, as it was packed

`state` and `fence` repeat what is in the blob, for the rule that decides about overwriting.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, LargeBinary, MetaData, String, Table, Text, text
from sqlalchemy.dialects.mysql import LONGBLOB

metadata = MetaData(info={"name": "backend", "version": 1, "upgrades": {}})

_MYSQL = ("mysql", "mariadb")
# MySQL wants a length for what is indexed, and would take "A" for "a" otherwise.
_Text = Text().with_variant(String(255, collation="utf8mb4_bin"), *_MYSQL)
_Bytes = LargeBinary().with_variant(LONGBLOB(), *_MYSQL)
_Instant = Float(53)  # UTC epoch seconds

results = Table(
    "kernelq_results",
    metadata,
    Column("task", _Text, primary_key=True),
    Column("state", _Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", _Instant),
    Column("blob", _Bytes, nullable=False),
    postgresql_with={"fillfactor": 80, "autovacuum_vacuum_scale_factor": 0.02, "autovacuum_vacuum_threshold": 1000},
    mysql_default_charset="utf8mb4",
    mariadb_default_charset="utf8mb4",
)

_expires = text("expires_at IS NOT NULL")
Index("kernelq_expiring", results.c.expires_at, sqlite_where=_expires, postgresql_where=_expires)
