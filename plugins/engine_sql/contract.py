"""What the engine of family ``sql`` offers its broker and its stores, beside `kernelq.contracts.Engine`.

Drivers take it from `kernelq.sql`. `Any` stands for SQLAlchemy's types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from kernelq.contracts import BackendError, BackendUnavailable, BrokerError, BrokerFull, BrokerUnavailable, Finding

R = TypeVar("R")


class SqlEngine(Protocol):
    """What the engine of family ``sql`` offers beside `Engine`; `Any` stands for SQLAlchemy's types."""

    dialect: str
    """SQLAlchemy's name of the dialect: ``sqlite``, ``postgresql``, ``mysql``."""
    push: bool
    """Whether a commit of anybody wakes the waiting at once."""

    def begin(self) -> Any:
        """A context manager giving a SQLAlchemy `Connection` in a write transaction; commits at its end."""

    def transact(self, work: Callable[[Any], R]) -> R:
        """What `work(connection)` returns inside `begin`; done again if the server undid it in favour of another."""

    def read(self) -> Any:
        """A context manager giving a SQLAlchemy `Connection` for reading."""

    def within(self, session: Any, channel: str | None) -> Any:
        """A context manager giving the `Connection` of the caller's own transaction; wakes `channel` at its commit."""

    def now(self) -> float:
        """Epoch seconds by the clock that leases and etas go by: a server's own, else this machine's."""

    def examine(self) -> list[Finding]:
        """What the settings of the server or file mean for messages."""

    def create(self, metadata: Any) -> None:
        """Have the tables of a SQLAlchemy `MetaData` made before the next transaction, where they are missing."""

    def listen(self, channel: str) -> Any:
        """A wake-up, see `Wakeup`."""

    def notify(self, connection: Any, channel: str) -> None:
        """Wake the listeners of `channel` when the transaction of `connection` commits."""


class Wakeup(Protocol):
    """A change bell of an engine: `wait` until another process or thread changed something."""

    def wait(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds; True when something may have changed since the last call."""

    def found(self) -> None:
        """Say that a look found something: a bell that only looks now and then looks often again."""

    def ring(self) -> None:
        """End a `wait` of this very object from another thread."""

    def close(self) -> None:
        """Give its resources back."""


@contextmanager
def store_errors() -> Iterator[None]:
    """A block, or a function decorated with it, of a store: the engine's errors, which speak of brokers, leave it as
    `BackendUnavailable`, or as `BackendError` where trying again is no use."""
    try:
        yield
    except (BrokerUnavailable, BrokerFull) as error:
        raise BackendUnavailable(str(error)) from error
    except BrokerError as error:
        raise BackendError(str(error)) from error
