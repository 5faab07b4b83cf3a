"""The store's tables.

    kernelq_beat           one row: who leads, until when and under which fence; `version` grows with each change of entries
    kernelq_beat_entries   the store's own entries, their definitions as JSON
    kernelq_beat_marks     how far each entry has come
    kernelq_beat_open      occurrences whose message the broker may not have, or whose task has not ended and is watched

Instants of occurrences are microseconds.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Integer, LargeBinary, MetaData, SmallInteger, String, Table, Text
from sqlalchemy.dialects.mysql import LONGBLOB

metadata = MetaData(info={"name": "schedules", "version": 1, "upgrades": {}})

_MYSQL = ("mysql", "mariadb")
# MySQL wants a length for what is indexed, and would take "A" for "a" otherwise.
_Key = Text().with_variant(String(250, collation="utf8mb4_bin"), *_MYSQL)
_Bytes = LargeBinary().with_variant(LONGBLOB(), *_MYSQL)

leader = Table(
    "kernelq_beat",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("holder", _Key, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("ends_at", Float(53), nullable=False),
    Column("version", BigInteger, nullable=False),
    mysql_default_charset="utf8mb4",
    mariadb_default_charset="utf8mb4",
)

entries = Table(
    "kernelq_beat_entries",
    metadata,
    Column("name", _Key, primary_key=True),
    Column("definition", _Bytes, nullable=False),
    mysql_default_charset="utf8mb4",
    mariadb_default_charset="utf8mb4",
)

marks = Table(
    "kernelq_beat_marks",
    metadata,
    Column("key", _Key, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("paused", SmallInteger, nullable=False),
    mysql_default_charset="utf8mb4",
    mariadb_default_charset="utf8mb4",
)

opened = Table(
    "kernelq_beat_open",
    metadata,
    Column("key", _Key, primary_key=True),
    Column("instant", BigInteger, primary_key=True, autoincrement=False),
    Column("watched", SmallInteger, nullable=False),
    Column("message", _Bytes),
    mysql_default_charset="utf8mb4",
    mariadb_default_charset="utf8mb4",
)
