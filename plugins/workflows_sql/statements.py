"""What the store asks of a dialect: the statements on the way of every member's end."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol

from kernelq.contracts import ImproperlyConfigured

JoinRow = tuple[str, str, int | None, int, int, int | None, float, float, float | None]
"""id, state, size, arrived, failures, failed, opened_at, since, expires_at"""

OpenRow = tuple[str, bytes, bytes]
"""id, message, record"""

PartRow = tuple[str, int, int, bytes]
"""join, place, failed, part"""

KeptRow = tuple[str, float | None, bytes]
"""name, expires_at, value"""

_DIALECTS = {
    "sqlite": "sqlite:SqliteStatements",
    "postgresql": "postgresql:PostgresStatements",
    "mysql": "mysql:MysqlStatements",
}
"""SQLAlchemy's name of the dialect → module of this folder and class."""


class Statements(Protocol):
    """One dialect's statements. `connection` is SQLAlchemy's, in a transaction of the engine.

    What keeps counts right on a server: whoever changes a join, or its parts, has locked its row before (`lock`), joins in
    the order of their ids; statements after that see what was committed before. Everything given is sorted.
    """

    def lock(self, connection: Any, joins: Sequence[str]) -> list[JoinRow]:
        """The rows of those joins that have one; nobody else changes them until this transaction ends."""

    def begin(self, connection: Any, joins: Sequence[str], now: float) -> None:
        """Make rows, not opened, for those joins that have none."""

    def taken(self, connection: Any, places: Sequence[tuple[str, int]]) -> list[tuple[str, int, int]]:
        """Of these places (join, place) those that are taken, and whether the member failed."""

    def messages(self, connection: Any, joins: Sequence[str]) -> list[tuple[str, Any]]:
        """The packed messages of joins."""

    def empty(self, connection: Any, joins: Sequence[str], *, failed_only: bool) -> None:
        """Drop the parts of joins, or those of failed members."""

    def insert(self, connection: Any, parts: Sequence[PartRow]) -> None:
        """Add parts; their places are free."""

    def update(self, connection: Any, joins: Sequence[JoinRow]) -> None:
        """Write rows of joins that were locked."""

    def open(self, connection: Any, joins: Sequence[OpenRow]) -> None:
        """Write messages and records of joins that were locked."""

    def keep(self, connection: Any, values: Sequence[KeptRow]) -> None:
        """Write values in the place of earlier ones."""

    def drop(self, connection: Any, names: Sequence[str]) -> None:
        """Delete values."""


def statements_of(dialect: str) -> Statements:
    """The statements of a dialect, by SQLAlchemy's name."""
    home = _DIALECTS.get(dialect)
    if home is None:
        raise ImproperlyConfigured(
            f"no SQL workflow store for dialect {dialect!r}; expected one of: {', '.join(sorted(_DIALECTS))}"
        )
    module, _, name = home.partition(":")
    found: type[Statements] = getattr(import_module(f".{module}", __package__), name)
    return found()
