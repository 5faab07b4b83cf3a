"""What each kind of database server says for itself; `ServerEngine` is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kernelq.contracts import BrokerUnavailable, Finding
from sqlalchemy import Connection

from .engine import SqlEngine
from .server_address import ServerAddress


class Conflict(BrokerUnavailable):
    """The server undid the whole transaction in favour of another; nothing of it was done."""


class TablesGone(Conflict):
    """Somebody dropped our tables, or the database was made anew; they are made again before the next transaction."""


class ServerDialect(SqlEngine):
    """How one kind of server is spoken to. `raw` is the client library's connection."""

    foreign_errors: tuple[type[Exception], ...]
    """What the client library raises."""

    @classmethod
    def parse(cls, url: str) -> ServerAddress:
        """Read a URL of this dialect."""
        raise NotImplementedError

    def connect(self) -> Any:
        """A new connection of the client library, in autocommit mode."""
        raise NotImplementedError

    def start(self, raw: Any) -> float:
        """Begin a transaction on a connection; the server's time, epoch seconds."""
        raise NotImplementedError

    def ask_time(self, raw: Any) -> float:
        """The server's time, epoch seconds."""
        raise NotImplementedError

    def commit(self, raw: Any, channels: set[str]) -> None:
        """End the transaction and wake the listeners of these channels."""
        raise NotImplementedError

    def is_stale(self, raw: Any, error: Exception) -> bool:
        """Whether a connection was ended by the other side before this error; not if there is no answer at all."""
        raise NotImplementedError

    def explain(self, error: Exception) -> Exception:
        """The error of ours that stands for the client library's."""
        raise NotImplementedError

    @contextmanager
    def schema_lock(self, connection: Connection) -> Iterator[None]:
        """A block in which no other process makes or upgrades tables of this database."""
        raise NotImplementedError
        yield

    def identity(self, connection: Connection) -> object:
        """What tells this database, with its tables, from every other one."""
        raise NotImplementedError

    def notify_within(self, session: Any, connection: Connection, channel: str) -> None:
        """Wake the listeners of `channel` when the caller's own transaction has been committed."""
        raise NotImplementedError

    def look_around(self) -> list[Finding]:
        """What the server's version and settings mean for messages."""
        raise NotImplementedError

    def survives(self, raw: Any, error: BaseException) -> bool:
        """Whether a connection may be used again after this; an interrupt may have left anything on the wire."""
        raise NotImplementedError

    def can_roll_back(self, raw: Any, error: BaseException) -> bool:
        """Whether a connection is in order, so that it may be told to roll back after this."""
        raise NotImplementedError

    def sqlalchemy_url(self) -> str:
        """Dialect and library, as SQLAlchemy names them."""
        raise NotImplementedError

    def pool_options(self) -> dict[str, Any]:
        """What else SQLAlchemy is told of this dialect."""
        return {}
