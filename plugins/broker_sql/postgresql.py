"""The broker's statements in PostgreSQL's words: each batch is one statement, its rows come as arrays.

On the driver's own connection, but for `insert`, which may be on the caller's. Limits are written into the
statements and not given as parameters: a plan for any limit might read and sort all that is ready.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import text

from .statements import PROMOTED_AT_ONCE, Claim, Claimed, Glance, Row, Waiting
from .tables import DELAYED, READY

# Numbered in the order given, written in the order of their keys: two batches of the same keys wait for each other
# in one direction only.
_INSERT = text("""
INSERT INTO kernelq_messages (seq, key, queue, priority, due_at, published_at, blob)
SELECT seq, key, queue, priority, due_at, published_at, blob FROM (
    SELECT nextval('kernelq_messages_seq_seq') AS seq, fresh.* FROM unnest(
        CAST(:keys AS text[]), CAST(:queues AS text[]), CAST(:priorities AS smallint[]),
        CAST(:dues AS float8[]), CAST(:instants AS float8[]), CAST(:blobs AS bytea[])
    ) AS fresh (key, queue, priority, due_at, published_at, blob)
) AS numbered ORDER BY key COLLATE "C", seq
ON CONFLICT (key) DO NOTHING
""")

# Of several messages: seqs, fences, holder.
_MINE = """unnest(%s::bigint[], %s::bigint[]) AS mine (seq, fence)
WHERE m.seq = mine.seq AND m.fence = mine.fence AND m.holder = %s"""
# The same with a value for each: values, seqs, fences, holder.
_MINE_WITH = """unnest(%s::{type}[], %s::bigint[], %s::bigint[]) AS mine (value, seq, fence)
WHERE m.seq = mine.seq AND m.fence = mine.fence AND m.holder = %s"""

_TAKE_BACK = """
WITH ended AS MATERIALIZED (
    SELECT id FROM kernelq_consumers WHERE lease_ends_at <= %s ORDER BY id FOR UPDATE SKIP LOCKED
), forgotten AS (
    DELETE FROM kernelq_consumers WHERE id IN (SELECT id FROM ended)
), lost AS MATERIALIZED (
    SELECT seq, holder FROM kernelq_messages WHERE holder IN (SELECT id FROM ended) ORDER BY seq FOR UPDATE
), freed AS (
    UPDATE kernelq_messages AS m
    SET holder = NULL, crashes = m.crashes + (m.suspect & m.started), suspect = 1, started = 0
    FROM lost WHERE m.seq = lost.seq AND m.holder = lost.holder RETURNING lost.holder
)
SELECT holder, count(*) FROM freed GROUP BY holder
"""

_LEASE = """
INSERT INTO kernelq_consumers (id, lease, lease_ends_at, queues) VALUES (%s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE
SET lease = excluded.lease, lease_ends_at = excluded.lease_ends_at, queues = excluded.queues
"""

_PROMOTE = f"""
UPDATE kernelq_messages SET due_at = 0 WHERE seq IN (
    SELECT seq FROM kernelq_messages WHERE {DELAYED} AND due_at <= %s
    ORDER BY due_at LIMIT {PROMOTED_AT_ONCE} FOR UPDATE SKIP LOCKED
)
"""

_HAND_OVER = """
WITH ended AS (DELETE FROM kernelq_consumers WHERE id = %s RETURNING id)
UPDATE kernelq_messages AS m SET holder = %s, fence = m.fence + 1, started = 0
WHERE m.holder = %s AND (SELECT count(*) FROM ended) >= 0
RETURNING -m.priority, m.seq, m.queue, m.fence, m.crashes, m.suspect, m.blob, EXISTS (SELECT 1 FROM kernelq_revoked)
"""

_ACKNOWLEDGE = f"DELETE FROM kernelq_messages AS m USING {_MINE}"
_RELEASE = f"UPDATE kernelq_messages AS m SET holder = NULL, started = 0, crashes = m.crashes + %s FROM {_MINE}"
_MARK = f"UPDATE kernelq_messages AS m SET started = 1 FROM {_MINE}"
_PARK = f"""
UPDATE kernelq_messages AS m SET holder = NULL, started = 0, due_at = mine.value
FROM {_MINE_WITH.format(type="float8")}
"""
_BURY = f"""
WITH gone AS (
    DELETE FROM kernelq_messages AS m USING {_MINE_WITH.format(type="text")}
    RETURNING m.seq, m.key, m.queue, m.priority, m.fence, m.crashes, mine.value, m.blob
)
INSERT INTO kernelq_dead (key, queue, priority, fence, crashes, reason, died_at, blob)
SELECT key, queue, priority, fence, crashes, value, %s, blob FROM gone ORDER BY seq
"""

_PURGE = """
DELETE FROM kernelq_messages WHERE seq IN (
    SELECT seq FROM kernelq_messages WHERE queue = %s AND {kind} LIMIT {limit:d} FOR UPDATE SKIP LOCKED
)
"""

_REVIVE = """
WITH gone AS (
    DELETE FROM kernelq_dead WHERE seq = ANY(%s::bigint[]) RETURNING seq, key, queue, priority, fence, blob
), back AS (
    INSERT INTO kernelq_messages (key, queue, priority, fence, published_at, blob)
    SELECT key, queue, priority, fence, %s, blob FROM gone ORDER BY seq
    ON CONFLICT (key) DO NOTHING
)
SELECT count(*) FROM gone
"""

_REVOKE = """
INSERT INTO kernelq_revoked (id, ends_at) SELECT id, %s FROM unnest(%s::text[]) AS given (id)
ON CONFLICT (id) DO UPDATE SET ends_at = excluded.ends_at
"""
_REVOKED = "SELECT id FROM kernelq_revoked WHERE id = ANY(%s::text[]) AND ends_at > %s"
_RETRIES_MOST = 100
"""Read of one task at most, which has one: with a limit the index is read whatever the statistics say."""
_WAITING = f"""
SELECT seq, key, due_at, CASE WHEN position(':' IN key) > 0 THEN blob END FROM kernelq_messages
WHERE key = ANY(%s::text[]) AND holder IS NULL
UNION ALL
SELECT retry.* FROM unnest(%s::text[]) AS given (id), LATERAL (
    SELECT seq, key, due_at, blob FROM kernelq_messages
    WHERE key > given.id || ':' AND key < given.id || ':a' AND holder IS NULL AND due_at > 0
    ORDER BY key LIMIT {_RETRIES_MOST}
) AS retry
"""

_place = itemgetter(0, 1)  # of a claimed row: highest priority first, then oldest


class PostgresStatements:
    """See `Statements`."""

    upkeep_every = 0.1
    inbox = None

    def insert(self, connection: Any, rows: Sequence[Row]) -> None:
        names = ("keys", "queues", "priorities", "dues", "instants", "blobs")
        connection.execute(_INSERT, dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))

    def glance(self, connection: Any, consumer_id: str, queues: Sequence[str]) -> Glance:
        return Glance._make(_run(connection, _glance(len(queues)), (*queues, consumer_id)).fetchone())

    def take_back(self, connection: Any, now: float) -> dict[str, int]:
        return dict(_run(connection, _TAKE_BACK, (now,)).fetchall())

    def extend_lease(self, connection: Any, consumer_id: str, lease: float, queues: Sequence[str], now: float) -> None:
        _run(connection, _LEASE, _lease_row(consumer_id, lease, queues, now))

    def promote(self, connection: Any, now: float) -> None:
        _run(connection, _PROMOTE, (now,))

    def claim(
        self, connection: Any, holder: str, lease: float, queues: Sequence[str], limit: int, now: float
    ) -> list[Claimed]:
        values = (*_lease_row(holder, lease, queues, now), *queues, holder)
        return _in_order(_run(connection, _claim(len(queues), limit), values).fetchall())

    def hand_over(self, connection: Any, holder: str, heir: str) -> list[Claimed]:
        return _in_order(_run(connection, _HAND_OVER, (holder, heir, holder)).fetchall())

    def acknowledge(self, connection: Any, claims: Sequence[Claim]) -> int:
        return _count(connection, _ACKNOWLEDGE, _columns(claims))

    def release(self, connection: Any, claims: Sequence[Claim], *, crashes: int = 0) -> int:
        return _count(connection, _RELEASE, (crashes, *_columns(claims)))

    def park(self, connection: Any, claims: Sequence[tuple[float, Any, str, int]]) -> int:
        return _count(connection, _PARK, _columns_with(claims))

    def bury(self, connection: Any, claims: Sequence[tuple[str, Any, str, int]], now: float) -> int:
        printable = [(reason.replace("\x00", "\\0"), *claim) for reason, *claim in claims]  # its texts hold no NUL
        return _count(connection, _BURY, (*_columns_with(printable), now))

    def mark_started(self, connection: Any, claims: Sequence[Claim]) -> None:
        _count(connection, _MARK, _columns(claims))

    def purge(self, connection: Any, queue: str, limit: int) -> int:
        return sum(_count(connection, _PURGE.format(kind=kind, limit=limit), (queue,)) for kind in (READY, DELAYED))

    def revive(self, connection: Any, seqs: Sequence[int], now: float) -> int:
        (revived,) = _run(connection, _REVIVE, (list(seqs), now)).fetchone()
        return int(revived)

    def mark(self, connection: Any, ids: Sequence[str], ends_at: float) -> None:
        _run(connection, _REVOKE, (ends_at, list(ids)))

    def marked(self, connection: Any, ids: Sequence[str], now: float) -> set[str]:
        return {id for (id,) in _run(connection, _REVOKED, (list(ids), now))}

    def waiting(self, connection: Any, ids: Sequence[str]) -> list[Waiting]:
        return [Waiting._make(row) for row in _run(connection, _WAITING, (list(ids), list(ids)))]


def _run(connection: Any, statement: str, values: Sequence[Any]) -> Any:
    """A cursor with the rows; binary, for blobs come as text in twice the size otherwise."""
    return connection.connection.driver_connection.cursor(binary=True).execute(statement, values)


def _count(connection: Any, statement: str, values: Sequence[Any]) -> int:
    counted: int = _run(connection, statement, values).rowcount
    return counted


def _lease_row(consumer_id: str, lease: float, queues: Sequence[str], now: float) -> tuple[Any, ...]:
    return consumer_id, lease, now + lease, msgspec.json.encode(queues).decode()


def _columns(claims: Sequence[Claim]) -> tuple[list[Any], list[int], str]:
    """The arrays of `_MINE`, by seq: rows are locked in the order of all others who lock many."""
    seqs, holders, fences = zip(*sorted(claims), strict=True)
    return list(seqs), list(fences), holders[0]


def _columns_with(claims: Sequence[tuple[Any, ...]]) -> tuple[list[Any], list[Any], list[int], str]:
    """The arrays of `_MINE_WITH`."""
    values, seqs, holders, fences = zip(*sorted(claims, key=itemgetter(1)), strict=True)
    return list(values), list(seqs), list(fences), holders[0]


def _in_order(rows: list[tuple[Any, ...]]) -> list[Claimed]:
    rows.sort(key=_place)  # RETURNING keeps no order
    return [Claimed._make(row[1:]) for row in rows]


@cache
def _glance(queues: int) -> str:
    """Of `queues` queues. Parameters: their names, the consumer's id."""
    ready = " OR ".join([f"EXISTS (SELECT 1 FROM kernelq_messages WHERE queue = %s AND {READY})"] * queues)
    return f"""
    SELECT {ready or "false"},
        (SELECT min(due_at) FROM kernelq_messages WHERE {DELAYED}),
        (SELECT min(lease_ends_at) FROM kernelq_consumers),
        (SELECT lease_ends_at FROM kernelq_consumers WHERE id = %s)
    """


@cache
def _claim(queues: int, limit: int) -> str:
    """Out of `queues` queues. Parameters: the row of the lease, the names of the queues, the holder.

    The lease comes first, see `Statements`. Of several queues the heads are locked, each in the order of the
    index, and the best of them taken; the others are free again at the commit, a moment later.
    """
    head = f"""SELECT * FROM (
        SELECT seq, priority FROM kernelq_messages
        WHERE queue = %s AND {READY} AND (SELECT id FROM lease) IS NOT NULL
        ORDER BY priority DESC, seq LIMIT {limit:d} FOR UPDATE SKIP LOCKED
    ) AS head"""
    heads = " UNION ALL ".join([head] * queues)
    return f"""
    WITH lease AS ({_LEASE} RETURNING id), chosen AS MATERIALIZED (
        SELECT seq FROM ({heads or "SELECT 0 AS seq, 0 AS priority WHERE false"}) AS heads
        ORDER BY priority DESC, seq LIMIT {limit:d}
    )
    UPDATE kernelq_messages AS m SET holder = %s, fence = m.fence + 1 FROM chosen WHERE m.seq = chosen.seq
    RETURNING -m.priority, m.seq, m.queue, m.fence, m.crashes, m.suspect, m.blob, EXISTS (SELECT 1 FROM kernelq_revoked)
    """
