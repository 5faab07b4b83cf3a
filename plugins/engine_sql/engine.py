"""`SqlEngine`: what all SQL dialects share, and which class serves which URL."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any, TypeVar

from kernelq.contracts import Engine, Finding, ImproperlyConfigured, mask
from kernelq.errors import DriverNotFound
from sqlalchemy import Connection, MetaData

from .contract import Wakeup

R = TypeVar("R")

_DIALECTS = {
    "sqlite": "sqlite:SqliteEngine",
    "postgresql": "postgresql:PostgresEngine",
    "postgres": "postgresql:PostgresEngine",
    "mysql": "mysql:MysqlEngine",
    "mariadb": "mysql:MysqlEngine",
}
"""Scheme of the URL → module of this folder and class."""

_EXTRAS = {"postgresql": "postgres", "mysql": "mysql"}
"""Module of this folder → the extra that brings its client library."""


class SqlEngine(Engine):
    """A database shared by broker, backend and stores; ``SqlEngine(url)`` gives the dialect's class.

    Every method but `create` is the dialect's. `begin` and `read` are the border of the foreign library:
    its errors leave them as `BrokerUnavailable` (trying again may help), `BrokerFull` or, for a refused
    statement, `BrokerError`.
    """

    family = "sql"
    dialect: str
    push = False
    """Whether a commit of anybody wakes the waiting at once."""

    def __new__(cls, url: str) -> SqlEngine:
        return super().__new__(_dialect_of(url) if cls is SqlEngine else cls)

    def __init__(self, url: str) -> None:
        self._tables: list[MetaData] = []  # only ever appended to

    @classmethod
    def canonical(cls, url: str) -> str:
        return _dialect_of(url).canonical(url)

    def begin(self) -> AbstractContextManager[Connection]:
        """A `Connection` in a write transaction: committed at the end, rolled back on any exception.

        Not to be nested. With SQLite there is no other writer meanwhile; on a server each statement sees the
        commits before it (READ COMMITTED), so whoever reads to choose what to write locks what it reads.
        """
        raise NotImplementedError

    def transact(self, work: Callable[[Connection], R]) -> R:
        """What `work(connection)` returns inside `begin`.

        `work` is called again when the server undid everything in favour of another transaction (a deadlock,
        a serialization failure), a few times at most; so it does nothing that a rollback does not undo.
        """
        raise NotImplementedError

    def read(self) -> AbstractContextManager[Connection]:
        """A `Connection` for reading; each statement sees the commits before it. Waits for no writer."""
        raise NotImplementedError

    def listen(self, channel: str) -> Wakeup:
        """A wake-up for `channel`; commits made after this call are not missed."""
        raise NotImplementedError

    def notify(self, connection: Connection, channel: str) -> None:
        """Wake the listeners of `channel` once the transaction of `connection` is committed."""
        raise NotImplementedError

    def within(self, session: Any, channel: str | None) -> AbstractContextManager[Connection]:
        """The `Connection` of the caller's own transaction (a SQLAlchemy `Session` or `Connection`), with our tables there.

        The listeners of `channel` are woken when that transaction is committed, where the engine learns of it.

        Raises:
            ImproperlyConfigured: it is none, or is for another database.
        """
        raise NotImplementedError

    def now(self) -> float:
        """Epoch seconds, by the clock that leases and etas go by; inside `begin`, as of that transaction."""
        raise NotImplementedError

    def examine(self) -> list[Finding]:
        """What the settings of the server or file mean for messages; see `kernelq.contracts.Broker.examine`."""
        return []

    def close(self) -> None:
        raise NotImplementedError

    def create(self, metadata: MetaData) -> None:
        """See to it that the tables of `metadata` are there, in its version, from the next `begin` or `read` on.

        Touches no connection, so drivers say it when they are made. In a file that took the place of the
        first one the tables are made again. That `begin` or `read` raises `ImproperlyConfigured` when a
        newer KernelQ wrote the tables.
        """
        if not any(known is metadata for known in self._tables):
            self._tables.append(metadata)


def _dialect_of(url: str) -> type[SqlEngine]:
    name = url.removeprefix("db+").partition("://")[0].partition("+")[0].lower()
    home = _DIALECTS.get(name)
    if home is None:
        raise ImproperlyConfigured(
            f"no SQL dialect for {mask(url)!r}; expected a URL with one of: {', '.join(sorted(_DIALECTS))}"
        )
    module, _, attribute = home.partition(":")
    try:
        found: type[SqlEngine] = getattr(import_module(f".{module}", __package__), attribute)
    except ImportError as error:
        raise DriverNotFound(
            f"the SQL engine for {name!r} needs a library that is not installed ({error}); "
            f"try: pip install 'kernelq[{_EXTRAS.get(module, 'all')}]'"
        ) from error
    return found
