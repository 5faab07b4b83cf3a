"""How queues stand."""

from __future__ import annotations

import json
from typing import Any

from kernelq.contracts import QueueStats
from sqlalchemy import Table, case, exists, func, literal, null, select, text, union_all

from .holdings import chunks
from .tables import DELAYED, HELD, READY, consumers, dead, messages


def stand(connection: Any, now: float, inbox: Table | None) -> list[QueueStats]:
    """Every queue that holds something, or that a consumer reads, by name. Reads the whole indexes, and writes nothing."""
    fields: dict[str, dict[str, int]] = {name: {} for name in _consumed(connection)}
    oldest: dict[str, int] = {}  # queue → seq; the lower, the older
    for queue, kind, number, first in connection.execute(_counts(now, inbox)):
        counted = fields.setdefault(queue, {})
        counted[kind] = counted.get(kind, 0) + number
        if kind == "ready" and first is not None:
            oldest[queue] = min(first, oldest.get(queue, first))
    published = {} if inbox is None else _published_in(connection, inbox, now)
    published |= _published(connection, oldest)
    return [
        QueueStats(name=name, oldest_ready_at=published.get(name), **counted)
        for name, counted in sorted(fields.items())
    ]


def _counts(now: float, inbox: Table | None) -> Any:
    """Rows of queue, kind, number and first seq, in one statement: one moment is seen.

    The conditions are written as in the indexes, so that these are read in place of the messages.
    """
    row, number, first = messages.c, func.count(), func.min(messages.c.seq)
    is_due = case((row.due_at <= now, "ready"), else_="delayed")
    counts = [
        select(row.queue, literal("ready"), number, first).where(text(READY)).group_by(row.queue),
        select(row.queue, is_due, number, first).where(text(DELAYED)).group_by(row.queue, is_due),
        select(row.queue, literal("running"), number, first).where(text(HELD)).group_by(row.queue),
        select(dead.c.queue, literal("dead"), number, null()).group_by(dead.c.queue),
    ]
    if inbox is not None:
        counts.append(_counts_in(inbox, now))
    return union_all(*counts)


def _counts_in(inbox: Table, now: float) -> Any:
    row = inbox.c
    is_due = case((row.due_at <= now, "ready"), else_="delayed")
    return select(row.queue, is_due, func.count(), null()).where(*_is_new(inbox)).group_by(row.queue, is_due)


def _published_in(connection: Any, inbox: Table, now: float) -> dict[str, float]:
    row = inbox.c
    ready = select(row.queue, func.min(row.published_at)).where(row.due_at <= now, *_is_new(inbox))
    return dict(connection.execute(ready.group_by(row.queue)).all())


def _is_new(inbox: Table) -> Any:
    """Whether a row of an inbox is the first of its key, which is not among the messages either."""
    firsts = select(func.min(inbox.c.seq)).group_by(inbox.c.key)
    return inbox.c.seq.in_(firsts), ~exists().where(messages.c.key == inbox.c.key)


def _published(connection: Any, seqs: dict[str, int]) -> dict[str, float]:
    published: dict[str, float] = {}
    for chunk in chunks(seqs.values()):
        wanted = select(messages.c.queue, messages.c.published_at).where(messages.c.seq.in_(chunk))
        published.update(connection.execute(wanted).all())
    return published


def _consumed(connection: Any) -> set[str]:
    return {name for names in connection.scalars(select(consumers.c.queues)) for name in json.loads(names)}
