"""The store's table.

kernelq_claims   who holds which key; without a queue a row counts until `ends_at`
"""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, MetaData, String, Table, Text

metadata = MetaData(info={"name": "locks", "version": 1, "upgrades": {}})

_MYSQL = ("mysql", "mariadb")
# MySQL wants a length for what is indexed, and would take "A" for "a" otherwise.
_Text = Text().with_variant(String(255, collation="utf8mb4_bin"), *_MYSQL)
_Instant = Float(53)  # UTC epoch seconds

claims = Table(
    "kernelq_claims",
    metadata,
    Column("key", _Text, primary_key=True),
    Column("token", _Text, nullable=False),
    Column("task", _Text, nullable=False),
    Column("queue", _Text, nullable=False),
    Column("since", _Instant, nullable=False),
    Column("ends_at", _Instant, nullable=False),
    mysql_default_charset="utf8mb4",
    mariadb_default_charset="utf8mb4",
)

Index("kernelq_claims_since", claims.c.since)
