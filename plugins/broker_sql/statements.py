"""What the broker asks of a dialect: the statements on the way of every message."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol

from kernelq.contracts import ImproperlyConfigured, Message, pack
from sqlalchemy import Table

PROMOTED_AT_ONCE = 1000
"""Delayed messages made ready by one claim at most: 1.3 ms (median), so that a crowd that becomes due at one
moment blocks no writer for long."""

PRIORITIES = 10

Row = tuple[str, str, int, float, float, bytes]
"""key, queue, priority, due_at, published_at, blob"""

Claim = tuple[Any, str, int]
"""seq, holder and fence: what a settlement must match."""

_DIALECTS = {
    "sqlite": "sqlite:SqliteStatements",
    "postgresql": "postgresql:PostgresStatements",
    "mysql": "mysql:MysqlStatements",
}
"""SQLAlchemy's name of the dialect → module of this folder and class."""


class Claimed(NamedTuple):
    """One message as it is handed out."""

    seq: int
    queue: str
    fence: int
    crashes: int
    suspect: int
    blob: Any
    """Bytes, or whatever else a damaged row holds."""
    is_watched: int = 0
    """With the first of a batch: whether there are marks of revoked tasks, of these or of others."""


class Waiting(NamedTuple):
    """One message that waits, and may belong to a task that is looked for."""

    seq: int
    key: str
    due_at: float
    blob: Any
    """None when the key cannot be another task's than the one it names."""


class Glance(NamedTuple):
    """What a look without claiming saw; instants of the engine's clock."""

    is_ready: bool
    next_due_at: float | None
    """When the next delayed message becomes ready, of any queue."""
    next_lease_ends_at: float | None
    """When the next lease ends, of any consumer."""
    own_lease_ends_at: float | None


class Statements(Protocol):
    """One dialect's statements. `connection` is SQLAlchemy's, in a transaction of the engine.

    On a server others write at the same time, and each statement sees their commits. What keeps it right: a
    statement that changes rows names in its condition all it relies on, so a row somebody else was quicker with
    is left out; what is read to be changed is locked; `take_back`, `promote`, `claim` and `purge` leave out what others have
    locked (SKIP LOCKED), so they wait for nobody; whoever needs a consumer's row and its messages locks the
    consumer first, and many messages in the order of `seq`. What may still meet in the wrong order (two batches of
    the same new keys, a frozen consumer that settles at the moment its messages are taken back) the server finds
    and undoes one of them, see `SqlEngine.transact`.
    """

    upkeep_every: float
    """Seconds a busy consumer goes without `take_back` and `promote`; 0: they come with each claim."""
    inbox: Table | None
    """What was published and is not among the messages yet; None: all are at once."""

    def insert(self, connection: Any, rows: Sequence[Row]) -> None:
        """Add messages, in order, but for those whose key is there. `connection` may be the caller's own, of any library."""

    def glance(self, connection: Any, consumer_id: str, queues: Sequence[str]) -> Glance:
        """See whether there is something to claim, and when there may be. Needs no transaction."""

    def take_back(self, connection: Any, now: float) -> dict[str, int]:
        """Forget the consumers whose lease ended and free what they held: consumer → how much, where that was anything.

        What a lost consumer held becomes suspect; a suspect that was marked as started is charged a crash.
        """

    def extend_lease(self, connection: Any, consumer_id: str, lease: float, queues: Sequence[str], now: float) -> None:
        """Begin or renew a lease."""

    def promote(self, connection: Any, now: float) -> None:
        """Make up to `PROMOTED_AT_ONCE` messages ready that have been delayed until now."""

    def claim(
        self, connection: Any, holder: str, lease: float, queues: Sequence[str], limit: int, now: float
    ) -> list[Claimed]:
        """Begin or renew the lease, and up to `limit` ready messages are under it: highest priority first, then oldest."""

    def hand_over(self, connection: Any, holder: str, heir: str) -> list[Claimed]:
        """Lease to `heir`, under new fences, all that `holder` holds, and end its lease; in the order of `claim`."""

    def acknowledge(self, connection: Any, claims: Sequence[Claim]) -> int:
        """Delete held messages; return how many were held so."""

    def release(self, connection: Any, claims: Sequence[Claim], *, crashes: int = 0) -> int:
        """Give held messages back to their places, with more `crashes` charged; return how many."""

    def park(self, connection: Any, claims: Sequence[tuple[float, Any, str, int]]) -> int:
        """Give held messages back until an instant (first of each tuple); return how many."""

    def bury(self, connection: Any, claims: Sequence[tuple[str, Any, str, int]], now: float) -> int:
        """Move held messages to the dead letters with a reason (first of each tuple); return how many."""

    def mark_started(self, connection: Any, claims: Sequence[Claim]) -> None:
        """Write down that these held messages begin to run."""

    def purge(self, connection: Any, queue: str, limit: int) -> int:
        """Drop up to `limit` of each kind that waits in `queue`, ready and delayed; return how many."""

    def revive(self, connection: Any, seqs: Sequence[int], now: float) -> int:
        """Move dead letters back among the messages, but for those whose key is there; return how many there were."""

    def mark(self, connection: Any, ids: Sequence[str], ends_at: float) -> None:
        """Mark tasks, or mark them anew. Thereafter all that was published is among the messages."""

    def marked(self, connection: Any, ids: Sequence[str], now: float) -> Collection[str]:
        """Those of these tasks whose marks have not ended."""

    def waiting(self, connection: Any, ids: Sequence[str]) -> list[Waiting]:
        """What waits of these tasks: ready or delayed, and delayed retries. And perhaps more, see `Waiting.blob`; locks nothing.

        Keys of retries begin with the id and a colon, and digits follow; so they are looked for between ``id:`` and
        ``id:a``, whichever collation an index has.
        """


def statements_of(dialect: str) -> Statements:
    """The statements of a dialect, by SQLAlchemy's name."""
    home = _DIALECTS.get(dialect)
    if home is None:
        raise ImproperlyConfigured(
            f"no SQL broker for dialect {dialect!r}; expected one of: {', '.join(sorted(_DIALECTS))}"
        )
    module, _, name = home.partition(":")
    found: type[Statements] = getattr(import_module(f".{module}", __package__), name)
    return found()


def bytes_of(blob: Any) -> bytes:
    """What a row has for its blob, as bytes."""
    return blob if isinstance(blob, bytes) else str(blob).encode()


def row_of(message: Message, now: float) -> Row:
    """The row of a message published now."""
    eta = message.eta
    return (
        message.key,
        message.queue,
        min(max(message.priority, 0), PRIORITIES - 1),
        eta if eta is not None and eta > now else 0.0,
        now,
        pack(message),
    )
