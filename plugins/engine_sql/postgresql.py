"""`PostgresEngine`: one database of a PostgreSQL server, 12 or later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from kernelq.contracts import BrokerError, Finding, ImproperlyConfigured
from psycopg import conninfo
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, text

from .contract import Wakeup
from .postgresql_errors import explain
from .postgresql_link import PatientConnection, Silence, connect
from .postgresql_listener import Listener
from .server import ServerEngine, raw_of
from .server_address import ServerAddress

OLDEST = 12
"""The oldest release whose planner lets ``WITH`` queries be part of the claim's plan as they are written."""

_TIME = "SELECT extract(epoch FROM clock_timestamp())::float8"
_BEGIN = f"BEGIN; {_TIME}"

_MAKING = 0x6B71_7461
"""The advisory lock of whoever makes tables: "kqta"."""

_HARMLESS = frozenset({"54000", "55P03", "57014"})
"""Codes that only the NOTIFY behind a COMMIT can give: its queue is full, or it waited too long for its turn."""

_IDENTITY = text(
    "SELECT pg_postmaster_start_time()::text, current_database(), to_regclass('kernelq_messages')::oid::bigint"
)


class PostgresEngine(ServerEngine):
    """See the plugin's manual page for what it guarantees."""

    dialect = "postgresql"
    push = True
    foreign_errors = (psycopg.Error,)

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._listener = Listener(lambda: connect(self.address, self.connect_timeout), self.address.place)

    @classmethod
    def parse(cls, url: str) -> ServerAddress:
        address = ServerAddress.parse(url, 5432)
        try:
            conninfo.make_conninfo("", **address.options)
        except psycopg.Error as error:
            raise ImproperlyConfigured(
                f"the URL of PostgreSQL at {address.place} has an option that is neither ours (pool_size, timeout) "
                f"nor libpq's: {error}"
            ) from error
        return address

    def connect(self) -> PatientConnection:
        return connect(self.address, self.connect_timeout)

    def start(self, raw: PatientConnection) -> float:
        # Two statements in one round trip, which only unprepared ones can be.
        cursor = raw.execute(_BEGIN, prepare=False)
        cursor.nextset()
        return _scalar(cursor)

    def ask_time(self, raw: PatientConnection) -> float:
        return _scalar(raw.execute(_TIME, prepare=False))

    def commit(self, raw: PatientConnection, channels: set[str]) -> None:
        if raw.info.transaction_status == TransactionStatus.INERROR:
            raise BrokerError(f"a statement failed in this transaction at {self.address.place}; it cannot be committed")
        # After the commit, not in it: notifying transactions commit one after the other, each with its wait for the disk.
        notes = "".join(f"; NOTIFY {channel}" for channel in sorted(channels))
        try:
            raw.execute(f"COMMIT{notes}", prepare=False)
        except psycopg.Error as error:
            if error.sqlstate not in _HARMLESS:
                raise

    def is_stale(self, raw: PatientConnection, error: Exception) -> bool:
        return (raw.closed or raw.broken) and not isinstance(error, Silence)

    def can_roll_back(self, raw: PatientConnection, error: BaseException) -> bool:
        return raw.info.transaction_status in (
            TransactionStatus.INTRANS,
            TransactionStatus.INERROR,
            TransactionStatus.IDLE,
        )

    def survives(self, raw: PatientConnection, error: BaseException) -> bool:
        return raw.info.transaction_status == TransactionStatus.IDLE

    def explain(self, error: Exception) -> Exception:
        return explain(error, self.address)

    def sqlalchemy_url(self) -> str:
        return "postgresql+psycopg://"

    def pool_options(self) -> dict[str, Any]:
        return {"use_native_hstore": False}  # finding its type costs each connection a round trip

    def listen(self, channel: str) -> Wakeup:
        return self._listener.bell(channel)

    def notify_within(self, session: Any, connection: Connection, channel: str) -> None:
        connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": channel})

    @contextmanager
    def schema_lock(self, connection: Connection) -> Iterator[None]:
        raw: PatientConnection = raw_of(connection)
        patience = raw.patience
        raw.execute(f"BEGIN; SELECT pg_advisory_xact_lock({_MAKING}); SET LOCAL statement_timeout = 0", prepare=False)
        raw.patience = None  # an upgrade of large tables takes its time
        try:
            yield
            raw.execute("COMMIT", prepare=False)
        except BaseException as error:
            self._roll_back(connection, raw, error)
            raise
        finally:
            raw.patience = patience

    def identity(self, connection: Connection) -> object:
        started_at, database, table = connection.execute(_IDENTITY).one()
        return f"database {database!r} with table {table} on the server started at {started_at}"

    def close(self) -> None:
        self._listener.close()
        super().close()

    def forget_connections(self) -> None:
        self._listener.forget()
        super().forget_connections()

    def look_around(self) -> list[Finding]:
        with self.read() as connection:
            found = connection.execute(
                text(
                    "SELECT current_setting('server_version_num')::int / 10000, current_setting('fsync'), "
                    "current_setting('synchronous_commit'), pg_is_in_recovery()"
                )
            ).one()
        return list(_judge(*found))


def _judge(version: int, fsync: str, synchronous: str, is_standby: bool) -> Iterator[Finding]:
    if version < OLDEST:
        yield Finding("refused", f"PostgreSQL {version} is too old", f"expected {OLDEST} or later; upgrade the server")
    if is_standby:
        yield Finding("refused", "the server is a standby", "give the URL of the primary; a standby takes no messages")
    if fsync == "off":
        yield Finding(
            "warning",
            "fsync is off",
            "a power cut may lose messages or the whole database; set fsync = on and restart the server",
        )
    if synchronous == "off":
        yield Finding(
            "warning",
            "synchronous_commit is off",
            "a crash of the server takes back the last accepted messages; set synchronous_commit = on "
            "(for KernelQ alone: ALTER ROLE ... SET synchronous_commit = on)",
        )


def _scalar(cursor: Any) -> float:
    (value,) = cursor.fetchone()
    return float(value)
