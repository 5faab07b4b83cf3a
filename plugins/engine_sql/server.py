"""`ServerEngine`: what the engines of database servers share: a pool, transactions, the server's clock."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from kernelq.contracts import BrokerUnavailable, Finding
from sqlalchemy import Connection, MetaData, QueuePool, create_engine
from sqlalchemy import Engine as Pool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from .schema import is_made, make_tables
from .server_clock import ServerClock
from .server_dialect import Conflict, ServerDialect, TablesGone
from .sessions import connection_of, identity_checked

R = TypeVar("R")

CHANNELS = "kernelq_channels"
"""Where a connection's `info` keeps the channels to be notified after its commit."""

_FRESH = 1.0
"""Seconds after its last use a pooled connection is taken to be alive."""

_USED_AT = "kernelq_used_at"

_TRIES = 5
"""Times a transaction is tried that the server undoes in favour of another."""

_LONGEST_PAUSE = 0.05
"""Seconds between two tries."""

_SKEW = 1.0
"""Seconds between the server's clock and ours that are worth a word."""

_graveyard: list[Pool] = []  # pools of a parent, whose connections a child must not close


class ServerEngine(ServerDialect):
    """The engine of one database on a server; a subclass says what `ServerDialect` asks.

    Connections are in the driver's autocommit mode: transactions are begun and ended by statements of
    ours, each in one round trip with what else there is to say. Safe from any thread.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.address = self.parse(url)
        self.clock = ServerClock()
        self._pool: Pool | None = None
        self._made = 0  # how many of `_tables` were seen to
        self._making = threading.RLock()

    @classmethod
    def canonical(cls, url: str) -> str:
        address = cls.parse(url)
        return f"{cls.dialect}://{address.place}"

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        self._see_to_tables()
        with self._explained(), self._begun() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self._see_to_tables()
        with self._explained(), self._lent() as connection:
            if not self._is_fresh(connection):
                connection = self._alive(connection)
            yield connection

    def transact(self, work: Callable[[Connection], R]) -> R:
        for left in reversed(range(_TRIES)):
            try:
                with self.begin() as connection:
                    return work(connection)
            except Conflict:
                if not left:
                    raise
            time.sleep(random.uniform(0, _LONGEST_PAUSE))
        raise AssertionError("unreachable")

    @contextmanager
    def within(self, session: Any, channel: str | None) -> Iterator[Connection]:
        self._see_to_tables()  # on a connection of ours: MySQL commits the caller's transaction at a CREATE TABLE
        connection = connection_of(session, self.dialect)
        identity_checked(self, connection)
        with self._explained():
            yield connection
            if channel is not None:
                self.notify_within(session, connection, channel)

    def notify(self, connection: Connection, channel: str) -> None:
        connection.info.setdefault(CHANNELS, set()).add(channel)

    def now(self) -> float:
        known = self.clock.now()
        if known is None:
            with self._explained(), self._lent() as connection:
                self._alive(connection)
            known = self.clock.now()
        return time.time() if known is None else known

    def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.dispose()

    def forget_connections(self) -> None:
        if self._pool is not None:
            _graveyard.append(self._pool)
        self._pool = None
        self._making = threading.RLock()

    def examine(self) -> list[Finding]:
        findings = self.look_around()
        self.now()
        skew = self.clock.skew()
        if abs(skew) > _SKEW:
            findings.append(
                Finding(
                    "warning",
                    f"the clock of {self.address.place} is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} ours",
                    "leases and etas go by the server's clock, so nothing is lost or run twice, but an eta made "
                    "here comes that much off; keep both clocks by NTP",
                )
            )
        return findings

    # --- connections

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        with self._lent() as connection:
            connection = self._started(connection)
            raw = raw_of(connection)
            try:
                yield connection
                self.commit(raw, connection.info.pop(CHANNELS, set()))
            except BaseException as error:
                if not connection.invalidated:
                    connection.info.pop(CHANNELS, None)
                    self._roll_back(connection, raw, error)
                raise

    @contextmanager
    def _lent(self) -> Iterator[Connection]:
        connection = self._ready_pool().connect()
        try:
            yield connection
            if not connection.invalidated:
                connection.info[_USED_AT] = time.monotonic()
        except BaseException as error:
            if not connection.invalidated and not self.survives(raw_of(connection), error):
                connection.invalidate()
            raise
        finally:
            connection.close()

    def _started(self, connection: Connection) -> Connection:
        """Begin; a connection that turns out to be dead is replaced, for nothing was said over it yet."""
        return self._tried(connection, self.start)

    def _alive(self, connection: Connection) -> Connection:
        return self._tried(connection, self.ask_time)

    def _tried(self, connection: Connection, ask: Callable[[Any], float]) -> Connection:
        raw = raw_of(connection)
        is_new = _USED_AT not in connection.info
        try:
            self.clock.set(ask(raw))
            return connection
        except self.foreign_errors as error:
            if is_new or not self.is_stale(raw, error):
                raise
        # The server was gone for a moment, so every connection of the pool is dead.
        connection.invalidate()
        self._ready_pool().dispose()
        self.clock.set(ask(raw_of(connection)))
        return connection

    def _is_fresh(self, connection: Connection) -> bool:
        used_at: float = connection.info.get(_USED_AT, 0.0)
        return time.monotonic() - used_at < _FRESH

    def _roll_back(self, connection: Connection, raw: Any, error: BaseException) -> None:
        try:
            if self.can_roll_back(raw, error):
                raw.rollback()
                return
        except self.foreign_errors:
            pass
        connection.invalidate()  # the server undoes what a lost connection left open

    def _ready_pool(self) -> Pool:
        pool = self._pool
        if pool is None:
            with self._making:
                pool = self._pool = self._pool or self._new_pool()
        return pool

    def _new_pool(self) -> Pool:
        return create_engine(
            self.sqlalchemy_url(),
            creator=self.connect,
            poolclass=QueuePool,
            pool_size=self.address.pool_size,
            max_overflow=0,
            pool_timeout=self.address.timeout,
            pool_use_lifo=True,  # so that those beyond the need grow old and are not in the way
            pool_reset_on_return=None,  # transactions are ended here
            isolation_level="AUTOCOMMIT",
            **self.pool_options(),
        )

    # --- tables

    def _see_to_tables(self) -> None:
        if self._made == len(self._tables):
            return
        with self._making:
            known = len(self._tables)
            for metadata in self._tables[self._made : known]:
                self._make(metadata)
            self._made = known

    def _make(self, metadata: MetaData) -> None:
        with self._explained(), self._lent() as connection:
            connection = self._alive(connection)
            if is_made(connection, metadata):
                return
            with self.schema_lock(connection):
                make_tables(connection, metadata)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise BrokerUnavailable(
                f"no connection to {self.address.place} became free within {self.address.timeout:g} s: all "
                f"{self.address.pool_size} are in use; use fewer threads, or raise pool_size in the URL"
            ) from error
        except DBAPIError as error:
            raise self._ours(error.orig if isinstance(error.orig, Exception) else error) from error
        except self.foreign_errors as error:
            raise self._ours(error) from error

    def _ours(self, error: Exception) -> Exception:
        ours = self.explain(error)
        if isinstance(ours, TablesGone):
            self._made = 0
        return ours


def raw_of(connection: Connection) -> Any:
    """The client library's connection inside SQLAlchemy's."""
    return connection.connection.driver_connection
