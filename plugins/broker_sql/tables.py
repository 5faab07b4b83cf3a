"""The broker's tables and their indexes.

    kernelq_messages    what waits and what is held
    kernelq_consumers   leases: who may hold, until when
    kernelq_dead        dead letters, as they came

A message is *held* when `holder` names a consumer, *delayed* when `due_at` is not 0, else *ready*. The
three are disjoint and each has an index of its own, with nothing else in it: claims read the head of
the first, whatever the others hold. `seq` is never used twice, so a stale delivery cannot mean a newer row.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData(info={"name": "broker", "version": 1, "upgrades": {}})

_Seq = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys only
_Text = Text().with_variant(String(255), "mysql")  # MySQL wants a length for what is indexed
_Instant = Float(53)  # UTC epoch seconds

messages = Table(
    "kernelq_messages",
    metadata,
    Column("seq", _Seq, primary_key=True),
    Column("key", _Text, nullable=False, unique=True),
    Column("queue", _Text, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("due_at", _Instant, nullable=False, server_default="0"),
    Column("published_at", _Instant, nullable=False),
    Column("holder", _Text),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("suspect", SmallInteger, nullable=False, server_default="0"),
    Column("started", SmallInteger, nullable=False, server_default="0"),
    Column("blob", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

consumers = Table(
    "kernelq_consumers",
    metadata,
    Column("id", _Text, primary_key=True),
    Column("lease", _Instant, nullable=False),  # seconds
    Column("lease_ends_at", _Instant, nullable=False),
    Column("queues", Text, nullable=False),  # JSON list of names
)

dead = Table(
    "kernelq_dead",
    metadata,
    Column("seq", _Seq, primary_key=True),
    Column("key", _Text, nullable=False),
    Column("queue", _Text, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("died_at", _Instant, nullable=False),
    Column("blob", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)


def _partial(name: str, where: str, *columns: object) -> None:
    condition = text(where)
    Index(name, *columns, sqlite_where=condition, postgresql_where=condition)  # type: ignore[arg-type]  # columns and expressions


READY = "holder IS NULL AND due_at = 0"
DELAYED = "due_at > 0"
HELD = "holder IS NOT NULL"

_partial("kernelq_ready", READY, messages.c.queue, messages.c.priority.desc(), messages.c.seq)
_partial("kernelq_delayed", DELAYED, messages.c.due_at, messages.c.queue)
_partial("kernelq_held", HELD, messages.c.holder)
