"""The store's tables.

    kernelq_beat           one row for each namespace: who leads, until when and under which fence; `version` grows with each change of entries
    kernelq_beat_entries   the store's own entries, their definitions as JSON
    kernelq_beat_marks     how far each entry has come
    kernelq_beat_open      occurrences whose message the broker may not have, or whose task has not ended and is watched

Every row is of one namespace (`kernelq.beat.namespace_of`). Instants of occurrences are microseconds.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.mysql import LONGBLOB


def _with_namespaces(connection: Connection) -> None:
    """From version 1, which had none: what is there is in the namespace ""."""
    for table in metadata.sorted_tables:
        old = connection.execute(text(f"SELECT * FROM {table.name}")).mappings().all()
        connection.execute(text(f"DROP TABLE {table.name}"))
        table.create(connection)
        rows = [{"namespace": "", **{name: value for name, value in row.items() if name in table.c}} for row in old]
        if rows:
            connection.execute(table.insert(), rows)


metadata = MetaData(info={"name": "schedules", "version": 2, "upgrades": {1: _with_namespaces}})

_MYSQL = ("mysql", "mariadb")
# MySQL wants a length for what is indexed, and would take "A" for "a" otherwise.
_Key = Text().with_variant(String(250, collation="utf8mb4_bin"), *_MYSQL)
_Bytes = LargeBinary().with_variant(LONGBLOB(), *_MYSQL)


def _namespace() -> Column[Any]:
    return Column("namespace", Text().with_variant(String(100, collation="utf8mb4_bin"), *_MYSQL), primary_key=True)


leader = Table(
    "kernelq_beat",
    metadata,
    _namespace(),
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
    _namespace(),
    Column("name", _Key, primary_key=True),
    Column("definition", _Bytes, nullable=False),
    mysql_default_charset="utf8mb4",
    mariadb_default_charset="utf8mb4",
)

marks = Table(
    "kernelq_beat_marks",
    metadata,
    _namespace(),
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
    _namespace(),
    Column("key", _Key, primary_key=True),
    Column("instant", BigInteger, primary_key=True, autoincrement=False),
    Column("watched", SmallInteger, nullable=False),
    Column("message", _Bytes),
    mysql_default_charset="utf8mb4",
    mariadb_default_charset="utf8mb4",
)
