"""What the backend asks of a dialect: the statements on the way of every outcome."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Protocol

from kernelq.contracts import ImproperlyConfigured, Outcome, pack_outcome

Row = tuple[str, str, int, float | None, bytes]
"""task, state, fence, expires_at, blob"""

CHUNK = 500
"""Ids in one statement; the least limit known is SQLite's old one, 999."""

_DIALECTS = {
    "sqlite": "sqlite:SqliteStatements",
    "postgresql": "postgresql:PostgresStatements",
    "mysql": "mysql:MysqlStatements",
}
"""SQLAlchemy's name of the dialect → module of this folder and class."""


class Statements(Protocol):
    """One dialect's statements. `connection` is SQLAlchemy's."""

    def store(self, connection: Any, rows: Sequence[Row], now: float) -> None:
        """Write each row, in order, where `kernelq.contracts.accepts` lets it; outlived ones count as absent."""

    def load(self, connection: Any, ids: Sequence[str], now: float) -> list[tuple[str, Any]]:
        """Task id and blob of those of at most `CHUNK` tasks that are there and not outlived."""

    def clean(self, connection: Any, now: float, limit: int) -> int:
        """Drop up to `limit` outlived rows that nobody is writing; return how many."""


def statements_of(dialect: str) -> Statements:
    """The statements of a dialect, by SQLAlchemy's name."""
    home = _DIALECTS.get(dialect)
    if home is None:
        raise ImproperlyConfigured(
            f"no SQL backend for dialect {dialect!r}; expected one of: {', '.join(sorted(_DIALECTS))}"
        )
    module, _, name = home.partition(":")
    found: type[Statements] = getattr(import_module(f".{module}", __package__), name)
    return found()


def row_of(outcome: Outcome, now: float) -> Row:
    """The row of an outcome stored now."""
    expires_at = None if outcome.ttl is None else now + outcome.ttl
    return outcome.id, outcome.state, outcome.fence, expires_at, pack_outcome(outcome)


def distinct(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The rows in batches in which no task comes twice, for dialects whose statement may write a row only once.

    Each batch is in the order of its tasks, in which everybody locks them.
    """
    left = list(rows)
    while left:
        firsts: dict[str, Row] = {}
        again = [row for row in left if firsts.setdefault(row[0], row) is not row]
        yield [firsts[task] for task in sorted(firsts)]
        left = again
