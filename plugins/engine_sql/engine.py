"""`SqlEngine`: what all SQL dialects share, and which class serves which URL."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib import import_module

from kernelq.contracts import Engine, ImproperlyConfigured, mask
from sqlalchemy import Connection, MetaData

from .contract import Wakeup

_DIALECTS = {"sqlite": "sqlite:SqliteEngine"}
"""Scheme of the URL → module of this folder and class."""


class SqlEngine(Engine):
    """A database shared by broker, backend and stores; ``SqlEngine(url)`` gives the dialect's class.

    Every method but `create` is the dialect's. `begin` and `read` are the border of the foreign library:
    its errors leave them as `BrokerUnavailable` (trying again may help), `BrokerFull` or, for a refused
    statement, `BrokerError`.
    """

    family = "sql"
    dialect: str

    def __new__(cls, url: str) -> SqlEngine:
        return super().__new__(_dialect_of(url) if cls is SqlEngine else cls)

    def __init__(self, url: str) -> None:
        self._tables: list[MetaData] = []  # only ever appended to

    @classmethod
    def canonical(cls, url: str) -> str:
        return _dialect_of(url).canonical(url)

    def begin(self) -> AbstractContextManager[Connection]:
        """A `Connection` in a write transaction: committed at the end, rolled back on any exception.

        Not to be nested. Reading, choosing and writing inside it see no other writer.
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
    name = url.partition("://")[0].partition("+")[0].lower()
    home = _DIALECTS.get(name)
    if home is None:
        raise ImproperlyConfigured(
            f"no SQL dialect for {mask(url)!r}; expected a URL with one of: {', '.join(sorted(_DIALECTS))}"
        )
    module, _, attribute = home.partition(":")
    found: type[SqlEngine] = getattr(import_module(f".{module}", __package__), attribute)
    return found
