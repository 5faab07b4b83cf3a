"""The caller's own transaction: which connection a session uses, and whether it is to our database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakKeyDictionary, WeakSet

from kernelq.contracts import ImproperlyConfigured
from sqlalchemy import Connection, event
from sqlalchemy import Engine as Pool
from sqlalchemy.exc import UnboundExecutionError

_KIN = {"mariadb": "mysql"}
"""Dialects by another name."""


def connection_of(session: Any, dialect: str) -> Connection:
    """The connection of a `Session`'s transaction, or the `Connection` itself.

    Raises:
        ImproperlyConfigured: it is neither, is for asyncio, or speaks another dialect.
    """
    if hasattr(session, "sync_session") or hasattr(session, "sync_connection"):
        raise ImproperlyConfigured(
            f"expected a SQLAlchemy Session or Connection, got the asyncio one {type(session).__name__}; write: "
            f"await session.run_sync(lambda session: task.apply_async(..., session=session))"
        )
    connection = session if isinstance(session, Connection) else _bound(session)
    name = connection.dialect.name
    if _KIN.get(name, name) != dialect:
        raise ImproperlyConfigured(
            f"the session is for {name}, and the broker for {dialect}: a message can be published within a "
            f"transaction of the broker's own database only"
        )
    return connection


def _bound(session: Any) -> Connection:
    if not callable(getattr(session, "connection", None)):
        raise ImproperlyConfigured(f"expected a SQLAlchemy Session or Connection, got {session!r}")
    try:
        connection: Connection = session.connection()
    except UnboundExecutionError as error:
        raise ImproperlyConfigured(
            "the session has several databases; give the connection to the broker's: "
            "session=session.connection(bind_arguments={'mapper': SomeModel})"
        ) from error
    return connection


class Identified(Protocol):
    """An engine that can tell its database from others."""

    def identity(self, connection: Connection) -> object:
        """What tells the database of `connection`, with its tables, from every other one."""

    def read(self) -> Any:
        """A context manager giving a connection to the engine's own database."""


_same: WeakKeyDictionary[Pool, WeakSet[Identified]] = WeakKeyDictionary()
"""Callers' pools → the engines of ours that they were found to share the database of."""


def identity_checked(engine: Identified, connection: Connection) -> None:
    """See to it that a connection is to the engine's own database; asked once for each pool of the caller.

    Raises:
        ImproperlyConfigured: it is to another one.
    """
    known = _same.setdefault(connection.engine, WeakSet())
    if engine in known:
        return
    theirs = engine.identity(connection)
    with engine.read() as own:
        ours = engine.identity(own)
    if theirs != ours:
        raise other_database(theirs, ours)
    known.add(engine)


def other_database(theirs: object, ours: object) -> ImproperlyConfigured:
    """The error of a session that is for another database than the engine's."""
    return ImproperlyConfigured(
        f"the session is for another database than the broker: expected {ours}, got {theirs}; a message can be "
        f"published within a transaction of the broker's own database only"
    )


_RINGS = "kernelq"
"""Where a session's `info` keeps what is to be called at the end of its transaction."""


def ring_after(session: Any, ring: Callable[[], None]) -> None:
    """Call `ring()` when the session's transaction has ended; for a bare connection never, whose end nobody tells."""
    registry = getattr(session, "registry", None)
    real = registry() if callable(registry) else session  # a scoped_session stands for the thread's own
    if isinstance(real, Connection):
        return
    if _RINGS not in real.info:
        real.info[_RINGS] = []
        event.listen(real, "after_transaction_end", _ended)  # for good: it cannot be taken away while it is called
    real.info[_RINGS].append(ring)


def _ended(session: Any, transaction: Any) -> None:
    if transaction.parent is None:
        rings, session.info[_RINGS] = session.info[_RINGS], []
        for ring in rings:
            ring()
