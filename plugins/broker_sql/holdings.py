"""What consumers hold and for how long: the statements off the hot path, alike in every dialect."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import delete, select, type_coerce, update
from sqlalchemy.types import NullType

from .statements import Claimed
from .tables import consumers, messages

CHUNK = 500
"""Parameters in one statement; the least limit known is SQLite's old one, 999."""

_FREE = {"holder": None, "started": 0}


def held_by(connection: Any, holder: str, tags: Collection[Any]) -> dict[Any, int]:
    """seq → fence of those of `tags` that `holder` holds."""
    found: dict[Any, int] = {}
    for chunk in chunks(tags):
        wanted = select(messages.c.seq, messages.c.fence).where(messages.c.seq.in_(chunk), messages.c.holder == holder)
        found.update((seq, fence) for seq, fence in connection.execute(wanted))
    return found


def renew(connection: Any, consumer_ids: Sequence[str], now: float) -> list[str]:
    """Renew these leases; return the consumers whose lease had ended, in the order given."""
    alive: set[str] = set()
    for chunk in chunks(consumer_ids):
        is_alive = (consumers.c.id.in_(chunk), consumers.c.lease_ends_at > now)
        alive.update(connection.scalars(select(consumers.c.id).where(*is_alive)))
        connection.execute(update(consumers).where(*is_alive).values(lease_ends_at=now + consumers.c.lease))
    return [consumer_id for consumer_id in consumer_ids if consumer_id not in alive]


def give_back(connection: Any, holder: str) -> bool:
    """End a lease and free all that is held under it, uncharged; whether that was anything."""
    freed = connection.execute(update(messages).where(messages.c.holder == holder).values(_FREE))
    connection.execute(delete(consumers).where(consumers.c.id == holder))
    return bool(freed.rowcount)


def hand_over(connection: Any, holder: str, heir: str) -> list[Claimed]:
    """Lease to `heir`, under new fences, all that `holder` holds; highest priority first, then oldest."""
    row = messages.c
    is_held = row.holder == holder
    wanted = (
        select(row.seq, row.queue, row.fence + 1, row.crashes, row.suspect, type_coerce(row.blob, NullType()))
        .where(is_held)
        .order_by(row.priority.desc(), row.seq)
    )
    found = [Claimed._make(each) for each in connection.execute(wanted)]
    connection.execute(update(messages).where(is_held).values(holder=heir, fence=row.fence + 1, started=0))
    connection.execute(delete(consumers).where(consumers.c.id == holder))
    return found


def chunks(values: Collection[Any]) -> list[list[Any]]:
    """The values in lists of at most `CHUNK`."""
    listed = list(values)
    return [listed[i : i + CHUNK] for i in range(0, len(listed), CHUNK)]
