"""Marks of revoked tasks: set, and forgotten when they end. A claim asks for them in its own transaction.

Locks are taken in the order marks, messages; who forgets waits for nobody. A claim that begins after a revocation was
committed sees its marks: SQLite has one writer at a time, and on a server a statement sees the commits before it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from kernelq.contracts import Message, unpack
from sqlalchemy import delete, select, update

from .holdings import chunks
from .statements import Statements, Waiting, bytes_of
from .tables import messages, revoked

_FORGOTTEN_AT_ONCE = 5000


def revoke(
    connection: Any, statements: Statements, ids: Collection[str], now: float, ttl: float
) -> tuple[list[str], bool]:
    """Mark these tasks and make ready what waits of them: those whose first attempt waits, and whether any became ready."""
    wanted = dict.fromkeys(ids)
    statements.mark(connection, sorted(wanted), now + ttl)
    forget_ended(connection, now)
    known = {row.seq: (row.key, _task_of(row)) for row in statements.waiting(connection, sorted(wanted))}
    seqs = _still_waiting(connection, [seq for seq, (_, task) in known.items() if task in wanted])
    hastened = 0
    for chunk in chunks(seqs):
        is_delayed = (messages.c.seq.in_(chunk), messages.c.due_at > 0)
        hastened += connection.execute(update(messages).where(*is_delayed).values(due_at=0)).rowcount
    waiting = {key for key, task in (known[seq] for seq in seqs) if key == task}  # a retry has another key
    return [each for each in wanted if each in waiting], hastened > 0


def forget_ended(connection: Any, now: float) -> None:
    """Drop marks that have ended, but for those that others are writing at this moment."""
    has_ended = revoked.c.ends_at <= now
    wanted = select(revoked.c.id).where(has_ended).limit(_FORGOTTEN_AT_ONCE).with_for_update(skip_locked=True)
    for chunk in chunks(connection.scalars(wanted).all()):
        connection.execute(delete(revoked).where(revoked.c.id.in_(chunk), has_ended))


def _task_of(row: Waiting) -> str | None:
    """The id of the task that a message belongs to; None when its bytes cannot be read."""
    if row.blob is None:
        return row.key
    message = unpack(bytes_of(row.blob))
    return message.id if isinstance(message, Message) else None


def _still_waiting(connection: Any, seqs: Sequence[int]) -> list[int]:
    """Those that nobody has claimed meanwhile, locked: who is claiming at this moment is waited for."""
    row, locked = messages.c, list[int]()
    for chunk in chunks(sorted(seqs)):
        wanted = select(row.seq).where(row.seq.in_(chunk), row.holder.is_(None)).order_by(row.seq).with_for_update()
        locked += connection.scalars(wanted)
    return locked
