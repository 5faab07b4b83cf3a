"""`SqliteEngine`: one file, one writer of this process at a time, readers that wait for nobody."""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from kernelq.contracts import Finding
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from .bell import file_bell, ring_file
from .contract import Wakeup
from .engine import SqlEngine
from .schema import is_made, make_tables
from .sessions import connection_of, other_database, ring_after
from .sqlite_address import SqliteAddress
from .sqlite_errors import explain
from .sqlite_fork import close_before_forks
from .sqlite_link import Link, new_pool
from .sqlite_readers import Readers

R = TypeVar("R")

log = logging.getLogger(__name__)

_LOOK_EVERY = 1.0
"""Seconds between two looks whether the file is still the one that was opened."""

_PATIENCE_AT_FORK = 1.0
"""Seconds a fork waits for readers of other threads."""


class SqliteEngine(SqlEngine):
    """The engine of one SQLite file; see the plugin's manual page for what it guarantees.

    The process has one writing connection, which its threads take in turn: a lock of the process
    wakes the next at once, while the file's lock can only be tried for again and again.
    """

    dialect = "sqlite"
    push = sys.platform == "linux"

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.address = SqliteAddress.parse(url)
        self._pool = new_pool(self.address)
        self._writer: Link | None = None
        self._writing = threading.RLock()  # re-entered only to be refused, see `_ready_writer`
        self._readers = Readers(lambda: Link(self._pool))
        self._is_begun = False  # inside `begin`; like the next, written and read under `_writing`
        self._bell_is_due = False
        self._file: tuple[int, int] | None = None  # device and inode of what the writer opened
        self._looked_at = 0.0
        self._made = 0  # how many of `_tables` this writer has seen to
        close_before_forks(self)

    @classmethod
    def canonical(cls, url: str) -> str:
        return SqliteAddress.parse(url).canonical

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        deadline = time.monotonic() + self.address.busy_timeout
        with self._writing:
            try:
                writer = self._ready_writer(deadline)
                writer.begin_immediate(deadline)
                try:
                    self._is_begun = True
                    yield writer.connection
                    writer.raw.execute("COMMIT")
                except BaseException:  # it goes on; an interrupt must not leave the file locked either
                    self._bell_is_due = False
                    writer.roll_back()
                    raise
                finally:
                    self._is_begun = False
            except (sqlite3.Error, DBAPIError) as error:
                raise explain(error, self.address) from error
            if self._bell_is_due:
                self._bell_is_due = False
                ring_file(self.address.path)

    def transact(self, work: Callable[[Connection], R]) -> R:
        # Once: nobody else writes, so nothing is undone for anybody. `begin` written out, whose generator costs more
        # than the statement that publishes a message.
        deadline = time.monotonic() + self.address.busy_timeout
        with self._writing:
            try:
                writer = self._ready_writer(deadline)
                writer.begin_immediate(deadline)
                try:
                    self._is_begun = True
                    found = work(writer.connection)
                    writer.raw.execute("COMMIT")
                except BaseException:  # see `begin`
                    self._bell_is_due = False
                    writer.roll_back()
                    raise
                finally:
                    self._is_begun = False
            except (sqlite3.Error, DBAPIError) as error:
                raise explain(error, self.address) from error
            if self._bell_is_due:
                self._bell_is_due = False
                ring_file(self.address.path)
        return found

    def now(self) -> float:
        return time.time()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        if self._writer is None or self._made < len(self._tables) or self._is_replaced():
            with self.begin():
                pass  # which makes the tables
        try:
            with self._readers.one() as link:
                yield link.connection
        except (sqlite3.Error, DBAPIError) as error:
            raise explain(error, self.address) from error

    def listen(self, channel: str) -> Wakeup:
        """One bell serves all channels: hearing one that was not meant costs a look."""
        return file_bell(self.address.path)

    def notify(self, connection: Connection, channel: str) -> None:
        self._bell_is_due = True

    @contextmanager
    def within(self, session: Any, channel: str | None) -> Iterator[Connection]:
        connection = connection_of(session, self.dialect)
        if self.identity(connection) != self.address.path:
            raise other_database(self.identity(connection), self.address.path)
        try:
            for metadata in self._tables:
                # In the caller's own transaction, which may hold the file's write lock already.
                if not is_made(connection, metadata):
                    make_tables(connection, metadata)
            yield connection
        except (sqlite3.Error, DBAPIError) as error:
            raise explain(error, self.address) from error
        if channel is not None:
            ring_after(session, lambda: ring_file(self.address.path))

    def identity(self, connection: Connection) -> object:
        """What tells this file from every other one."""
        rows = connection.exec_driver_sql("PRAGMA database_list").all()
        return next((os.path.realpath(path) for _, name, path in rows if name == "main" and path), ":memory:")

    def examine(self) -> list[Finding]:
        if self.address.synchronous != "off":
            return []
        return [
            Finding(
                "warning",
                f"synchronous is off for {self.address.path}",
                "a power cut may lose messages or corrupt the file; leave synchronous out of the URL",
            )
        ]

    def close(self) -> None:
        with self._writing:
            self._close_links()

    def hold(self) -> None:
        """Close all connections and open none until `release`; called before a fork."""
        self._writing.acquire()
        self._readers.hold(_PATIENCE_AT_FORK)
        if self._writer is not None and not self._writer.raw.in_transaction:
            self._writer.close()
            self._writer = None

    def release(self) -> None:
        """Undo `hold`; called in the parent, after the fork."""
        self._readers.release()
        self._writing.release()

    def forget_connections(self) -> None:
        # Usually none is left. One that a thread of the parent was using stays open, and unused.
        self._readers.bury()
        if self._writer is not None:
            self._writer.bury()
        self._writer = None
        self._is_begun = self._bell_is_due = False
        self._readers = Readers(lambda: Link(self._pool))
        self._writing = threading.RLock()

    def _ready_writer(self, deadline: float) -> Link:
        if self._is_begun:
            raise RuntimeError(
                f"this thread is in the middle of a transaction of {self.address.path}; end it before another"
            )
        if self._writer is not None:
            self._writer.roll_back()  # what an interrupt (Ctrl-C) left open between two steps of `begin`
        if self._is_replaced():
            log.warning("%s was removed or replaced; going on with a new one", self.address.path)
            self._close_links()
        if self._writer is None:
            self._writer = self._new_writer()
        if self._made < len(self._tables):
            self._make_tables(self._writer, deadline)
        return self._writer

    def _new_writer(self) -> Link:
        writer = Link(self._pool)
        # The write lock is tried for by us (`begin_immediate`), and under it nothing else is busy.
        writer.raw.execute("PRAGMA busy_timeout = 0")
        self._file = _identity(self.address.path)
        self._made = 0
        return writer

    def _make_tables(self, writer: Link, deadline: float) -> None:
        known = len(self._tables)
        writer.begin_immediate(deadline)
        try:
            for metadata in self._tables[:known]:
                make_tables(writer.connection, metadata)
            writer.raw.execute("COMMIT")
        except BaseException:  # it goes on; an interrupt must not leave the file locked either
            writer.roll_back()
            raise
        self._made = known

    def _is_replaced(self) -> bool:
        now = time.monotonic()
        if self._writer is None or now - self._looked_at < _LOOK_EVERY:
            return False
        found = _identity(self.address.path)
        if found is None or found != self._file:
            return True
        self._looked_at = now
        return False

    def _close_links(self) -> None:
        self._readers.retire()
        self._readers = Readers(lambda: Link(self._pool))
        if self._writer is not None:
            self._writer.close()
        self._writer = None


def _identity(path: str) -> tuple[int, int] | None:
    """Device and inode of the file that lies there now."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
