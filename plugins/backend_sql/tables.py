"""The backend's table.

    kernelq_results   the newest accepted outcome of each task, as it was packed

`state` and `fence` repeat what is in the blob, for the rule that decides about overwriting.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, LargeBinary, MetaData, String, Table, Text, text

metadata = MetaData(info={"name": "backend", "version": 1, "upgrades": {}})

_Text = Text().with_variant(String(255), "mysql")  # MySQL wants a length for what is indexed
_Instant = Float(53)  # UTC epoch seconds

results = Table(
    "kernelq_results",
    metadata,
    Column("task", _Text, primary_key=True),
    Column("state", _Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", _Instant),
    Column("blob", LargeBinary, nullable=False),
)

_expires = text("expires_at IS NOT NULL")
Index("kernelq_expiring", results.c.expires_at, sqlite_where=_expires, postgresql_where=_expires)
