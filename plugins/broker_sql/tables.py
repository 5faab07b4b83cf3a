"""The broker's tables and their indexes.

    kernelq_messages    what waits and what is held
    kernelq_consumers   leases: who may hold, until when
    kernelq_dead        dead letters, as they came
    kernelq_inbox       SQLite only: what was published and nobody has looked at yet, see `sqlite`
    kernelq_revoked     marks of revoked tasks, and when they end, see `marks`

A message is *held* when `holder` names a consumer, *delayed* when `due_at` is not 0, else *ready*. The
three are disjoint and each has an index of its own, with nothing else in it: claims read the head of
the first, whatever the others hold. With MySQL each has a range of an index. MariaDB before 10.8 reads over
the descending order and sorts all that is ready. `seq` is never used twice, so a stale delivery cannot mean a newer row.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
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
from sqlalchemy.dialects.mysql import LONGBLOB, MEDIUMTEXT

metadata = MetaData(info={"name": "broker", "version": 1, "upgrades": {}})

_Seq = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys only
_MYSQL = ("mysql", "mariadb")
# MySQL wants a length for what is indexed, and would take "A" for "a" otherwise.
_Text = Text().with_variant(String(255, collation="utf8mb4_bin"), *_MYSQL)
_LongText = Text().with_variant(MEDIUMTEXT(collation="utf8mb4_bin"), *_MYSQL)
_Bytes = LargeBinary().with_variant(LONGBLOB(), *_MYSQL)
_Instant = Float(53)  # UTC epoch seconds

_VACUUM = {
    "autovacuum_vacuum_scale_factor": 0.01,
    "autovacuum_vacuum_threshold": 1000,
    "autovacuum_analyze_scale_factor": 0.05,
    "autovacuum_vacuum_cost_delay": 0,
}
"""Every message leaves two dead rows behind, so PostgreSQL vacuums often and without pauses. A fillfactor would
not help the messages: their changes are of indexed columns, and no such row is updated in place."""

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
    Column("blob", _Bytes, nullable=False),
    sqlite_autoincrement=True,
    postgresql_with=_VACUUM,
    mysql_default_charset="utf8mb4",
    mariadb_default_charset="utf8mb4",
)

consumers = Table(
    "kernelq_consumers",
    metadata,
    Column("id", _Text, primary_key=True),
    Column("lease", _Instant, nullable=False),  # seconds
    Column("lease_ends_at", _Instant, nullable=False),
    Column("queues", _LongText, nullable=False),  # JSON list of names
    postgresql_with={"fillfactor": 50, "autovacuum_vacuum_threshold": 100, "autovacuum_vacuum_cost_delay": 0},
    mysql_default_charset="utf8mb4",
    mariadb_default_charset="utf8mb4",
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
    Column("reason", _LongText, nullable=False),
    Column("died_at", _Instant, nullable=False),
    Column("blob", _Bytes, nullable=False),
    sqlite_autoincrement=True,
    mysql_default_charset="utf8mb4",
    mariadb_default_charset="utf8mb4",
)

inbox_metadata = MetaData(info={"name": "broker_inbox", "version": 1, "upgrades": {}})

inbox = Table(
    "kernelq_inbox",
    inbox_metadata,
    Column("seq", Integer, primary_key=True),
    Column("key", _Text, nullable=False),
    Column("queue", _Text, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("due_at", _Instant, nullable=False),
    Column("published_at", _Instant, nullable=False),
    Column("blob", _Bytes, nullable=False),
)

revoked_metadata = MetaData(info={"name": "broker_revoked", "version": 1, "upgrades": {}})

revoked = Table(
    "kernelq_revoked",
    revoked_metadata,
    Column("id", _Text, primary_key=True),  # of tasks; messages of one task may have several keys
    Column("ends_at", _Instant, nullable=False),
    Index("kernelq_revoked_ends", "ends_at"),
    sqlite_with_rowid=False,
    mysql_default_charset="utf8mb4",
    mariadb_default_charset="utf8mb4",
)


def _has_partial(*_: Any, dialect: Dialect, **__: Any) -> bool:
    """Whether the dialect has partial indexes."""
    return dialect.name not in _MYSQL


def _lacks_partial(*_: Any, dialect: Dialect, **__: Any) -> bool:
    return dialect.name in _MYSQL


def _partial(name: str, where: str, *columns: object) -> None:
    condition = text(where)
    Index(name, *columns, sqlite_where=condition, postgresql_where=condition).ddl_if(callable_=_has_partial)  # type: ignore[arg-type]  # columns and expressions


READY = "holder IS NULL AND due_at = 0"
DELAYED = "due_at > 0"
HELD = "holder IS NOT NULL"

_partial("kernelq_ready", READY, messages.c.queue, messages.c.priority.desc(), messages.c.seq)
_partial("kernelq_delayed", DELAYED, messages.c.due_at, messages.c.queue)
_partial("kernelq_held", HELD, messages.c.holder)

# MySQL has no partial indexes: the columns of their conditions come first, so each kind is a range of its own.
Index(
    "kernelq_ready_range",
    messages.c.queue,
    messages.c.holder,
    messages.c.due_at,
    messages.c.priority.desc(),
    messages.c.seq,
).ddl_if(callable_=_lacks_partial)
Index("kernelq_delayed_range", messages.c.due_at, messages.c.queue).ddl_if(callable_=_lacks_partial)
Index("kernelq_held_range", messages.c.holder, messages.c.queue).ddl_if(callable_=_lacks_partial)
