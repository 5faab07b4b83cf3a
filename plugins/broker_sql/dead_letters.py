"""Dead letters: listed, put back, forgotten. `ref` is the row's number as text."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from kernelq.contracts import DeadLetter, Message, unpack
from sqlalchemy import delete, select, type_coerce
from sqlalchemy.types import NullType

from .holdings import chunks
from .statements import Statements
from .tables import dead


def newest(connection: Any, queue: str | None, limit: int) -> list[DeadLetter]:
    """The newest dead letters, of one queue or of all."""
    row = dead.c
    wanted = select(row.seq, row.queue, row.reason, row.died_at, type_coerce(row.blob, NullType()))
    if queue is not None:
        wanted = wanted.where(row.queue == queue)
    return [_letter(*found) for found in connection.execute(wanted.order_by(row.seq.desc()).limit(limit))]


def revive(connection: Any, statements: Statements, refs: Collection[str], now: float) -> int:
    """Let dead letters wait again, last in their queues; return how many there were.

    Crashes and suspicion are gone, the fence goes on. If a key was published again meanwhile, that
    message stands and its dead letter is forgotten.
    """
    revived = 0
    for seqs in chunks(list(_numbers(refs))):
        revived += statements.revive(connection, seqs, now)
    return revived


def forget(connection: Any, refs: Collection[str] | None) -> int:
    """Drop dead letters (None: all); return how many."""
    if refs is None:
        return int(connection.execute(delete(dead)).rowcount)
    return sum(
        connection.execute(delete(dead).where(dead.c.seq.in_(seqs))).rowcount for seqs in chunks(list(_numbers(refs)))
    )


def _numbers(refs: Collection[str]) -> Iterator[int]:
    """The row numbers of those refs that can be ours, in order: the order they are put back in."""
    yield from sorted(int(ref) for ref in refs if ref.isascii() and ref.isdigit() and len(ref) < 19)


def _letter(seq: int, queue: str, reason: str, died_at: float, blob: Any) -> DeadLetter:
    raw = blob if isinstance(blob, bytes) else str(blob).encode()
    message = unpack(raw)
    return DeadLetter(
        ref=str(seq),
        queue=queue,
        reason=reason,
        died_at=died_at,
        raw=raw,
        message=message if isinstance(message, Message) else None,
    )
