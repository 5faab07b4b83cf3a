"""The broker's statements in SQLite's words, on the driver's own connection.

A small statement costs 0.8 µs here and 8 µs through SQLAlchemy; a claim has four.
Parameters are positional; the partial indexes serve only conditions written out like theirs.

A message published alone goes to the inbox, a table without indexes: one page is written in place of four (the message, its key,
its place among the ready ones, the counter of AUTOINCREMENT). The inbox is a log of insertions that were put off, and whatever could tell
the difference carries them out first, in the same transaction: a claim; all that removes a message, for a key that
waits keeps the same one out; all that inserts another way; who counts. Whoever makes it long carries them out
too, so it is never longer than `INBOX_MOST`, but for what the caller's own transaction adds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import msgspec

from .holdings import chunks
from .statements import PROMOTED_AT_ONCE, Claim, Claimed, Glance, Row, Waiting
from .tables import DELAYED, READY, inbox

INBOX_MOST = 200
"""Messages in the inbox: about 1 ms for whoever brings them in."""

_INSERT = """
INSERT INTO kernelq_messages (key, queue, priority, due_at, published_at, blob)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING
"""

_PUT = """
INSERT INTO kernelq_inbox (key, queue, priority, due_at, published_at, blob) VALUES (?, ?, ?, ?, ?, ?)
"""
_HAS_PUT = "SELECT EXISTS (SELECT 1 FROM kernelq_inbox)"
_GATHER = """
INSERT INTO kernelq_messages (key, queue, priority, due_at, published_at, blob)
SELECT key, queue, priority, due_at, published_at, blob FROM kernelq_inbox WHERE true ORDER BY seq
ON CONFLICT (key) DO NOTHING
"""
_EMPTY = "DELETE FROM kernelq_inbox"

_ENDED = "SELECT id FROM kernelq_consumers WHERE lease_ends_at <= ?"
_FORGET = "DELETE FROM kernelq_consumers WHERE id = ?"
_FREE = """
UPDATE kernelq_messages SET holder = NULL, crashes = crashes + (suspect AND started), suspect = 1, started = 0
WHERE holder = ?
"""

_LEASE = """
INSERT INTO kernelq_consumers (id, lease, lease_ends_at, queues) VALUES (?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE
SET lease = excluded.lease, lease_ends_at = excluded.lease_ends_at, queues = excluded.queues
"""

_PROMOTE = f"""
UPDATE kernelq_messages SET due_at = 0 WHERE seq IN (
    SELECT seq FROM kernelq_messages WHERE {DELAYED} AND due_at <= ? ORDER BY due_at LIMIT {PROMOTED_AT_ONCE}
)
"""

_HAND_OVER = """
UPDATE kernelq_messages SET holder = ?, fence = fence + 1, started = 0 WHERE holder = ?
RETURNING -priority, seq, queue, fence, crashes, suspect, blob
"""

_IS_HELD = "seq = ? AND holder = ? AND fence = ?"
_ACKNOWLEDGE = f"DELETE FROM kernelq_messages WHERE {_IS_HELD}"
_RELEASE = f"UPDATE kernelq_messages SET holder = NULL, started = 0 WHERE {_IS_HELD}"
_CHARGE = f"UPDATE kernelq_messages SET holder = NULL, started = 0, crashes = crashes + ? WHERE {_IS_HELD}"
_PARK = f"UPDATE kernelq_messages SET holder = NULL, started = 0, due_at = ? WHERE {_IS_HELD}"
_BURY = f"""
INSERT INTO kernelq_dead (key, queue, priority, fence, crashes, reason, died_at, blob)
SELECT key, queue, priority, fence, crashes, ?, ?, blob FROM kernelq_messages WHERE {_IS_HELD}
"""
_MARK = f"UPDATE kernelq_messages SET started = 1 WHERE {_IS_HELD}"

_PURGE = """
DELETE FROM kernelq_messages WHERE seq IN (SELECT seq FROM kernelq_messages WHERE queue = ? AND {kind} LIMIT ?)
"""

_REVIVE = """
INSERT INTO kernelq_messages (key, queue, priority, fence, published_at, blob)
SELECT key, queue, priority, fence, ?, blob FROM kernelq_dead WHERE seq = ? ON CONFLICT (key) DO NOTHING
"""
_UNEARTH = "DELETE FROM kernelq_dead WHERE seq = ?"

_REVOKE = """
INSERT INTO kernelq_revoked (id, ends_at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET ends_at = excluded.ends_at
"""
# Not in the RETURNING of a claim, which would look once for each row: 8 µs for 100, in place of 1.
_HAS_MARKS = "SELECT EXISTS (SELECT 1 FROM kernelq_revoked)"
_WAITING = """
SELECT seq, key, due_at, CASE WHEN instr(key, ':') THEN blob END FROM kernelq_messages WHERE key = ? AND holder IS NULL
"""
_RETRIES = """
SELECT seq, key, due_at, blob FROM kernelq_messages
WHERE key > ? || ':' AND key < ? || ':a' AND holder IS NULL AND +due_at > 0
"""

_place = itemgetter(0, 1)  # of a claimed row: highest priority first, then oldest


class SqliteStatements:
    """See `Statements`. ``rowcount`` after ``executemany`` is the sum over all its rows."""

    upkeep_every = 0.0
    inbox = inbox

    def insert(self, connection: Any, rows: Sequence[Row]) -> None:
        raw = _raw(connection)
        if len(rows) > 1:
            _gather(raw)
            raw.executemany(_INSERT, rows)
            return
        length = raw.execute(_PUT, rows[0]).lastrowid  # an empty table counts from 1
        if length is not None and length >= INBOX_MOST:
            _gather(raw)

    def glance(self, connection: Any, consumer_id: str, queues: Sequence[str]) -> Glance:
        seen = _raw(connection).execute(_glance(len(queues)), (*queues, consumer_id)).fetchone()
        return Glance._make(seen)

    def take_back(self, connection: Any, now: float) -> dict[str, int]:
        raw = _raw(connection)
        ended = raw.execute(_ENDED, (now,)).fetchall()
        if not ended:
            return {}
        raw.executemany(_FORGET, ended)
        freed = {consumer_id: raw.execute(_FREE, (consumer_id,)).rowcount for (consumer_id,) in ended}
        return {consumer_id: number for consumer_id, number in freed.items() if number}

    def extend_lease(self, connection: Any, consumer_id: str, lease: float, queues: Sequence[str], now: float) -> None:
        names = msgspec.json.encode(queues).decode()
        _raw(connection).execute(_LEASE, (consumer_id, lease, now + lease, names))

    def promote(self, connection: Any, now: float) -> None:
        _raw(connection).execute(_PROMOTE, (now,))

    def claim(
        self, connection: Any, holder: str, lease: float, queues: Sequence[str], limit: int, now: float
    ) -> list[Claimed]:
        self.extend_lease(connection, holder, lease, queues, now)
        if _gather(_raw(connection)):
            self.promote(connection, now)  # what was put by for later may be due meanwhile
        values = [value for queue in queues for value in (queue, limit)]
        rows = _raw(connection).execute(_claim(len(queues)), (holder, *values, limit)).fetchall()
        return _handed_out(_raw(connection), rows)

    def hand_over(self, connection: Any, holder: str, heir: str) -> list[Claimed]:
        raw = _raw(connection)
        raw.execute(_FORGET, (holder,))
        rows = raw.execute(_HAND_OVER, (heir, holder)).fetchall()
        return _handed_out(raw, rows)

    def acknowledge(self, connection: Any, claims: Sequence[Claim]) -> int:
        raw = _raw(connection)
        _gather(raw)
        return raw.executemany(_ACKNOWLEDGE, claims).rowcount

    def release(self, connection: Any, claims: Sequence[Claim], *, crashes: int = 0) -> int:
        if not crashes:
            return _raw(connection).executemany(_RELEASE, claims).rowcount
        return _raw(connection).executemany(_CHARGE, [(crashes, *claim) for claim in claims]).rowcount

    def park(self, connection: Any, claims: Sequence[tuple[float, Any, str, int]]) -> int:
        return _raw(connection).executemany(_PARK, claims).rowcount

    def bury(self, connection: Any, claims: Sequence[tuple[str, Any, str, int]], now: float) -> int:
        raw = _raw(connection)
        _gather(raw)
        raw.executemany(_BURY, [(reason, now, *claim) for reason, *claim in claims])
        return raw.executemany(_ACKNOWLEDGE, [claim for _, *claim in claims]).rowcount

    def mark_started(self, connection: Any, claims: Sequence[Claim]) -> None:
        _raw(connection).executemany(_MARK, claims)

    def purge(self, connection: Any, queue: str, limit: int) -> int:
        raw = _raw(connection)
        _gather(raw)
        return sum(raw.execute(_PURGE.format(kind=kind), (queue, limit)).rowcount for kind in (READY, DELAYED))

    def revive(self, connection: Any, seqs: Sequence[int], now: float) -> int:
        raw = _raw(connection)
        _gather(raw)
        raw.executemany(_REVIVE, [(now, seq) for seq in seqs])
        return raw.executemany(_UNEARTH, [(seq,) for seq in seqs]).rowcount

    def mark(self, connection: Any, ids: Sequence[str], ends_at: float) -> None:
        raw = _raw(connection)
        _gather(raw)
        raw.executemany(_REVOKE, [(id, ends_at) for id in ids])

    def marked(self, connection: Any, ids: Sequence[str], now: float) -> set[str]:
        raw = _raw(connection)
        return {id for some in chunks(ids) for (id,) in raw.execute(_revoked(len(some)), (now, *some))}

    def waiting(self, connection: Any, ids: Sequence[str]) -> list[Waiting]:
        raw = _raw(connection)
        rows = [row for id in ids for row in (*raw.execute(_WAITING, (id,)), *raw.execute(_RETRIES, (id, id)))]
        return [Waiting._make(row) for row in rows]


def _raw(connection: Any) -> sqlite3.Connection:
    raw: sqlite3.Connection = connection.connection.driver_connection
    return raw


def _handed_out(raw: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> list[Claimed]:
    rows.sort(key=_place)  # RETURNING keeps no order
    claimed = [Claimed(*row[1:]) for row in rows]
    if claimed and raw.execute(_HAS_MARKS).fetchone()[0]:
        claimed[0] = claimed[0]._replace(is_watched=1)
    return claimed


def _gather(raw: sqlite3.Connection) -> bool:
    """Bring in the messages of the inbox, in the order they came, but for those whose key is there; whether there were any."""
    if not raw.execute(_HAS_PUT).fetchone()[0]:
        return False
    raw.execute(_GATHER)
    raw.execute(_EMPTY)
    return True


@cache
def _revoked(ids: int) -> str:
    """Of `ids` tasks. Parameters: now, their ids."""
    return f"SELECT id FROM kernelq_revoked WHERE ends_at > ? AND id IN ({', '.join('?' * ids)})"


@cache
def _glance(queues: int) -> str:
    """Of `queues` queues. Parameters: their names, the consumer's id."""
    ready = " OR ".join([f"EXISTS (SELECT 1 FROM kernelq_messages WHERE queue = ? AND {READY})"] * queues)
    return f"""
    SELECT {" OR ".join([ready or "0", "EXISTS (SELECT 1 FROM kernelq_inbox)"])},
        (SELECT min(due_at) FROM kernelq_messages WHERE {DELAYED}),
        (SELECT min(lease_ends_at) FROM kernelq_consumers),
        (SELECT lease_ends_at FROM kernelq_consumers WHERE id = ?)
    """


@cache
def _claim(queues: int) -> str:
    """Out of `queues` queues. Parameters: the holder, then name and limit of each queue, then the limit.

    The head of each queue is read from the index in order; sorting them together would otherwise read
    all that waits.
    """
    head = f"""SELECT * FROM (
        SELECT seq, priority FROM kernelq_messages WHERE queue = ? AND {READY}
        ORDER BY priority DESC, seq LIMIT ?
    )"""
    heads = " UNION ALL ".join([head] * queues)
    return f"""
    UPDATE kernelq_messages SET holder = ?, fence = fence + 1 WHERE seq IN (
        SELECT seq FROM ({heads}) ORDER BY priority DESC, seq LIMIT ?
    ) RETURNING -priority, seq, queue, fence, crashes, suspect, blob
    """
