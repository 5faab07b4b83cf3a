"""The broker's statements in MySQL's and MariaDB's words.

An UPDATE tells nothing there of the rows it changed, so a claim reads and locks them first. Settled
messages go by their fence, of which a batch has one or two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import text

from .holdings import chunks
from .statements import PROMOTED_AT_ONCE, Claim, Claimed, Glance, Row, Waiting
from .tables import DELAYED, READY

# Not INSERT IGNORE, which would cut texts that are too long; and the library sends many rows in one statement.
_INSERT = text("""
INSERT INTO kernelq_messages (`key`, queue, priority, due_at, published_at, `blob`)
VALUES (:key, :queue, :priority, :due_at, :published_at, :blob) ON DUPLICATE KEY UPDATE seq = seq
""")
_FIELDS = ("key", "queue", "priority", "due_at", "published_at", "blob")

_ENDED = "SELECT id FROM kernelq_consumers WHERE lease_ends_at <= %s ORDER BY id FOR UPDATE SKIP LOCKED"
_FORGET = "DELETE FROM kernelq_consumers WHERE id IN %s"
_LOST = "SELECT seq, holder FROM kernelq_messages WHERE holder IN %s ORDER BY seq FOR UPDATE"
_FREE = """
UPDATE kernelq_messages SET holder = NULL, crashes = crashes + (suspect & started), suspect = 1, started = 0
WHERE seq IN %s
"""

_LEASE = """
INSERT INTO kernelq_consumers (id, lease, lease_ends_at, queues) VALUES (%s, %s, %s, %s)
ON DUPLICATE KEY UPDATE lease = VALUES(lease), lease_ends_at = VALUES(lease_ends_at), queues = VALUES(queues)
"""

_DUE = f"""
SELECT seq FROM kernelq_messages WHERE {DELAYED} AND due_at <= %s
ORDER BY due_at LIMIT {PROMOTED_AT_ONCE} FOR UPDATE SKIP LOCKED
"""
_PROMOTE = "UPDATE kernelq_messages SET due_at = 0 WHERE seq IN %s"

_ROW = "-priority, seq, queue, fence + 1, crashes, suspect, `blob`, EXISTS (SELECT 1 FROM kernelq_revoked)"
_HEAD = f"""
SELECT {_ROW} FROM kernelq_messages WHERE queue = %s AND {READY}
ORDER BY priority DESC, seq LIMIT %s FOR UPDATE SKIP LOCKED
"""
_TAKE = "UPDATE kernelq_messages SET holder = %s, fence = fence + 1, started = 0 WHERE seq IN %s"
_HELD_BY = f"SELECT {_ROW} FROM kernelq_messages WHERE holder = %s ORDER BY seq FOR UPDATE"

_IS_HELD = "seq IN %s AND holder = %s AND fence = %s"
_ACKNOWLEDGE = f"DELETE FROM kernelq_messages WHERE {_IS_HELD}"
_RELEASE = f"UPDATE kernelq_messages SET holder = NULL, started = 0, crashes = crashes + %s WHERE {_IS_HELD}"
_PARK = f"UPDATE kernelq_messages SET holder = NULL, started = 0, due_at = %s WHERE {_IS_HELD}"
_BURY = f"""
INSERT INTO kernelq_dead (`key`, queue, priority, fence, crashes, reason, died_at, `blob`)
SELECT `key`, queue, priority, fence, crashes, %s, %s, `blob` FROM kernelq_messages WHERE {_IS_HELD} ORDER BY seq
"""
_MARK = f"UPDATE kernelq_messages SET started = 1 WHERE {_IS_HELD}"

_PURGE = "DELETE FROM kernelq_messages WHERE queue = %s AND {kind} LIMIT %s"

_DEAD = "SELECT seq FROM kernelq_dead WHERE seq IN %s ORDER BY seq FOR UPDATE"
_REVIVE = """
INSERT INTO kernelq_messages (`key`, queue, priority, fence, published_at, `blob`)
SELECT `key`, queue, priority, fence, %s, `blob` FROM kernelq_dead WHERE seq IN %s ORDER BY seq
ON DUPLICATE KEY UPDATE kernelq_messages.seq = kernelq_messages.seq
"""
_UNEARTH = "DELETE FROM kernelq_dead WHERE seq IN %s"

_REVOKE = """
INSERT INTO kernelq_revoked (id, ends_at) VALUES (%s, %s) ON DUPLICATE KEY UPDATE ends_at = VALUES(ends_at)
"""
_REVOKED = "SELECT id FROM kernelq_revoked WHERE id IN %s AND ends_at > %s"
# By the index of the keys: that of the holders would bring all that waits.
_WAITING = """
SELECT seq, `key`, due_at, IF(LOCATE(':', `key`), `blob`, NULL) FROM kernelq_messages FORCE INDEX (`key`)
WHERE (`key` IN %s OR {retries}) AND holder IS NULL
"""
_RETRY = "(`key` > %s AND `key` < %s)"

_place = itemgetter(0, 1)  # of a claimed row: highest priority first, then oldest


class MysqlStatements:
    """See `Statements`."""

    upkeep_every = 0.1
    inbox = None

    def insert(self, connection: Any, rows: Sequence[Row]) -> None:
        connection.execute(_INSERT, [dict(zip(_FIELDS, row, strict=True)) for row in rows])

    def glance(self, connection: Any, consumer_id: str, queues: Sequence[str]) -> Glance:
        ready = " OR ".join([f"EXISTS (SELECT 1 FROM kernelq_messages WHERE queue = %s AND {READY})"] * len(queues))
        statement = f"""
        SELECT {ready or "0"},
            (SELECT min(due_at) FROM kernelq_messages WHERE {DELAYED}),
            (SELECT min(lease_ends_at) FROM kernelq_consumers),
            (SELECT lease_ends_at FROM kernelq_consumers WHERE id = %s)
        """
        return Glance._make(_rows(connection, statement, (*queues, consumer_id))[0])

    def take_back(self, connection: Any, now: float) -> dict[str, int]:
        ended = [consumer_id for (consumer_id,) in _rows(connection, _ENDED, (now,))]
        if not ended:
            return {}
        _run(connection, _FORGET, (ended,))
        freed: dict[str, int] = defaultdict(int)
        lost = _rows(connection, _LOST, (ended,))
        for _, holder in lost:
            freed[holder] += 1
        if lost:
            _run(connection, _FREE, ([seq for seq, _ in lost],))
        return dict(freed)

    def extend_lease(self, connection: Any, consumer_id: str, lease: float, queues: Sequence[str], now: float) -> None:
        _run(connection, _LEASE, (consumer_id, lease, now + lease, msgspec.json.encode(queues).decode()))

    def promote(self, connection: Any, now: float) -> None:
        due = _rows(connection, _DUE, (now,))
        if due:
            _run(connection, _PROMOTE, ([seq for (seq,) in due],))

    def claim(
        self, connection: Any, holder: str, lease: float, queues: Sequence[str], limit: int, now: float
    ) -> list[Claimed]:
        self.extend_lease(connection, holder, lease, queues, now)
        heads = [row for queue in queues for row in _rows(connection, _HEAD, (queue, limit))]
        return _taken(connection, holder, sorted(heads, key=_place)[:limit])

    def hand_over(self, connection: Any, holder: str, heir: str) -> list[Claimed]:
        _run(connection, _FORGET, ([holder],))
        return _taken(connection, heir, sorted(_rows(connection, _HELD_BY, (holder,)), key=_place))

    def acknowledge(self, connection: Any, claims: Sequence[Claim]) -> int:
        return sum(_run(connection, _ACKNOWLEDGE, group) for group in _by_fence(claims))

    def release(self, connection: Any, claims: Sequence[Claim], *, crashes: int = 0) -> int:
        return sum(_run(connection, _RELEASE, (crashes, *group)) for group in _by_fence(claims))

    def park(self, connection: Any, claims: Sequence[tuple[float, Any, str, int]]) -> int:
        return sum(_run(connection, _PARK, group) for group in _by_value(claims))

    def bury(self, connection: Any, claims: Sequence[tuple[str, Any, str, int]], now: float) -> int:
        # Locked by the deletion of what was just copied: whoever is not held any more is in neither count.
        for reason, *group in _by_value(claims):
            _run(connection, _BURY, (reason, now, *group))
        return self.acknowledge(connection, [(seq, holder, fence) for _, seq, holder, fence in claims])

    def mark_started(self, connection: Any, claims: Sequence[Claim]) -> None:
        for group in _by_fence(claims):
            _run(connection, _MARK, group)

    def purge(self, connection: Any, queue: str, limit: int) -> int:
        return sum(_run(connection, _PURGE.format(kind=kind), (queue, limit)) for kind in (READY, DELAYED))

    def revive(self, connection: Any, seqs: Sequence[int], now: float) -> int:
        found = [seq for (seq,) in _rows(connection, _DEAD, (list(seqs),))]
        if found:
            _run(connection, _REVIVE, (now, found))
            _run(connection, _UNEARTH, (found,))
        return len(found)

    def mark(self, connection: Any, ids: Sequence[str], ends_at: float) -> None:
        with connection.connection.driver_connection.cursor() as cursor:
            cursor.executemany(_REVOKE, [(id, ends_at) for id in ids])

    def marked(self, connection: Any, ids: Sequence[str], now: float) -> set[str]:
        return {id for (id,) in _rows(connection, _REVOKED, (ids, now))} if ids else set()

    def waiting(self, connection: Any, ids: Sequence[str]) -> list[Waiting]:
        found: list[tuple[Any, ...]] = []
        for some in chunks(ids):
            bounds = [bound for id in some for bound in (f"{id}:", f"{id}:a")]
            statement = _WAITING.format(retries=" OR ".join([_RETRY] * len(some)))
            found += _rows(connection, statement, (some, *bounds))
        return [Waiting._make(row) for row in found]


def _run(connection: Any, statement: str, values: Sequence[Any]) -> int:
    """How many rows were found; the library writes a list as ``(1, 2, 3)``."""
    with connection.connection.driver_connection.cursor() as cursor:
        found: int = cursor.execute(statement, values)
        return found


def _rows(connection: Any, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.connection.driver_connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _taken(connection: Any, holder: str, rows: Sequence[tuple[Any, ...]]) -> list[Claimed]:
    """Lease these locked rows; they are as they will be."""
    if rows:
        _run(connection, _TAKE, (holder, [row[1] for row in rows]))
    return [Claimed._make(row[1:]) for row in rows]


def _by_fence(claims: Sequence[Claim]) -> Iterator[tuple[list[Any], str, int]]:
    """What `_IS_HELD` takes: seqs in order, holder, fence."""
    groups: dict[tuple[str, int], list[Any]] = defaultdict(list)
    for seq, holder, fence in sorted(claims):
        groups[holder, fence].append(seq)
    return ((seqs, holder, fence) for (holder, fence), seqs in groups.items())


def _by_value(claims: Sequence[tuple[Any, Any, str, int]]) -> Iterator[tuple[Any, list[Any], str, int]]:
    """The same, with what each has besides before it."""
    groups: dict[Any, list[Claim]] = defaultdict(list)
    for value, *claim in claims:
        groups[value].append(tuple(claim))
    return ((value, *group) for value, mine in groups.items() for group in _by_fence(mine))
