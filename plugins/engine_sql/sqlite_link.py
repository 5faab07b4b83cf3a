"""One connection to an SQLite file, set up, and the graveyard of those a child inherited."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from random import random

from kernelq.contracts import BrokerUnavailable, ImproperlyConfigured
from sqlalchemy import Connection, Engine, NullPool, create_engine

from .sqlite_address import SqliteAddress
from .sqlite_errors import BUSY_CODES, primary_code

OLDEST = (3, 35)
"""RETURNING came with it."""

_CHECKPOINT_PAGES = 4000
"""16 MB of log between checkpoints. One run each of these tables drained in batches of 100 by one process:
50,000 messages/s with 1000 pages (SQLite's default), 73,000 with 4000, 87,000 with 10000 and its longer log."""

_CACHE_KB = 16_000
_LOG_LIMIT_BYTES = 64 * 1024 * 1024
_STATEMENTS = 256
"""Prepared statements kept by each connection."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.0002, 0.002
"""Seconds between two tries for the write lock."""

_graveyard: list[Link] = []


class Link:
    """An open connection: `raw` of the ``sqlite3`` module, `connection` SQLAlchemy's around it."""

    def __init__(self, pool: Engine) -> None:
        self.connection: Connection = pool.connect()
        raw = self.connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        self.raw = raw

    def begin_immediate(self, deadline: float) -> None:
        """Take the file's write lock, trying until `deadline` (monotonic seconds)."""
        try:
            self.raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if primary_code(error) not in BUSY_CODES:
                raise
            patiently(lambda: self.raw.execute("BEGIN IMMEDIATE"), deadline)

    def roll_back(self) -> None:
        """End the transaction without a trace; nothing when SQLite has done so itself."""
        if self.raw.in_transaction:
            self.raw.execute("ROLLBACK")

    def close(self) -> None:
        """Give the connection back to the system."""
        self.connection.close()

    def bury(self) -> None:
        """Leave the connection as it is for ever: the parent's, seen from a child.

        Closing it there, even by garbage collection at exit, could undo the parent's locks and log.
        Source: https://www.sqlite.org/howtocorrupt.html section 2.6.
        """
        import ctypes

        _graveyard.append(self)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))  # outlives the module at exit


def new_pool(address: SqliteAddress) -> Engine:
    """A SQLAlchemy engine that opens connections to `address` and keeps none."""
    if sqlite3.sqlite_version_info < OLDEST:
        raise ImproperlyConfigured(
            f"expected SQLite {OLDEST[0]}.{OLDEST[1]} or later, got {sqlite3.sqlite_version}; "
            f"use a Python built with a newer one, or another engine"
        )
    # AUTOCOMMIT: transactions are begun and ended by the engine, with the write lock from the start.
    return create_engine("sqlite://", creator=lambda: _open(address), poolclass=NullPool, isolation_level="AUTOCOMMIT")


def patiently(attempt: Callable[[], object], deadline: float) -> None:
    """Call `attempt` until the file is not busy or `deadline` (monotonic seconds) has passed.

    Short random pauses in place of SQLite's own, which grow to 100 ms. With two processes claiming 100 at a
    time and one publishing, the longest `publish` of 8000 took 42 and 59 ms, with SQLite's 133 and 334 (two
    runs each); how much was done in all did not differ beyond the noise.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            attempt()
            return
        except sqlite3.OperationalError as error:
            if primary_code(error) not in BUSY_CODES or time.monotonic() >= deadline:
                raise
        time.sleep(pause * (0.5 + random()))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _open(address: SqliteAddress) -> sqlite3.Connection:
    raw = sqlite3.connect(
        address.path,
        timeout=address.busy_timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS,
    )
    try:
        _set_up(raw, address)
    except BaseException:  # it goes on; a connection half set up must not stay open
        raw.close()
        raise
    return raw


def _set_up(raw: sqlite3.Connection, address: SqliteAddress) -> None:
    # Two processes that switch a new file to the log at once get BUSY without SQLite's own wait.
    patiently(lambda: raw.execute("PRAGMA journal_mode = WAL"), time.monotonic() + address.busy_timeout)
    (mode,) = raw.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        raise BrokerUnavailable(
            f"{address.path} cannot keep a write-ahead log (journal mode is {mode!r}): "
            f"a network file system? put the file on a local disk"
        )
    raw.execute(f"PRAGMA synchronous = {address.synchronous}")
    raw.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    raw.execute(f"PRAGMA journal_size_limit = {_LOG_LIMIT_BYTES}")
    raw.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
    raw.execute("PRAGMA temp_store = MEMORY")
