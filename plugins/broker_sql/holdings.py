"""What consumers hold and for how long: the statements off the hot path, alike in every dialect."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import delete, select, update

from .tables import consumers, messages

CHUNK = 500
"""Parameters in one statement; the least limit known is SQLite's old one, 999."""

_FREE = {"holder": None, "started": 0}


class Holding:
    """What one consumer id was handed out by this process and did not settle; outlives its `Consumer` objects.

    When the answer to a claim is lost, the server may have leased messages to us that nobody knows of, while the
    lease goes on being renewed. So the claim is in doubt until the next one has freed them.
    """

    def __init__(self) -> None:
        self.seqs: set[Any] = set()
        self.is_in_doubt = False


def held_by(connection: Any, holder: str, tags: Collection[Any], *, lock: bool) -> dict[Any, int]:
    """seq → fence of those of `tags` that `holder` holds; with `lock`, until the transaction's end."""
    found: dict[Any, int] = {}
    row = messages.c
    for chunk in chunks(sorted(tags)):
        wanted = select(row.seq, row.fence).where(row.seq.in_(chunk), row.holder == holder).order_by(row.seq)
        if lock:
            wanted = wanted.with_for_update()
        found.update((seq, fence) for seq, fence in connection.execute(wanted))
    return found


def renew(connection: Any, consumer_ids: Sequence[str], now: float) -> list[str]:
    """Renew these leases; return the consumers whose lease had ended, in the order given."""
    alive: set[str] = set()
    for chunk in chunks(sorted(consumer_ids)):
        is_alive = (consumers.c.id.in_(chunk), consumers.c.lease_ends_at > now)
        living = select(consumers.c.id).where(*is_alive).order_by(consumers.c.id).with_for_update()
        alive.update(connection.scalars(living))
        connection.execute(update(consumers).where(*is_alive).values(lease_ends_at=now + consumers.c.lease))
    return [consumer_id for consumer_id in consumer_ids if consumer_id not in alive]


def give_back(connection: Any, holder: str) -> bool:
    """End a lease and free all that is held under it, uncharged; whether that was anything."""
    connection.execute(delete(consumers).where(consumers.c.id == holder))
    freed = connection.execute(update(messages).where(messages.c.holder == holder).values(_FREE))
    return bool(freed.rowcount)


def free_unknown(connection: Any, holder: str, known: Collection[Any]) -> bool:
    """Free what `holder` holds beyond `known`, uncharged; whether that was anything."""
    row = messages.c
    held = connection.scalars(select(row.seq).where(row.holder == holder).order_by(row.seq).with_for_update()).all()
    unknown = [seq for seq in held if seq not in known]
    for chunk in chunks(unknown):
        connection.execute(update(messages).where(row.seq.in_(chunk), row.holder == holder).values(_FREE))
    return bool(unknown)


def chunks(values: Collection[Any]) -> list[list[Any]]:
    """The values in lists of at most `CHUNK`."""
    listed = list(values)
    return [listed[i : i + CHUNK] for i in range(0, len(listed), CHUNK)]
