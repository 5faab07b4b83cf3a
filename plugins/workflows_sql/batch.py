"""A batch of ops in one transaction: joins are locked, everything is done to them in memory, and what changed is written.

So the number of statements does not grow with the number of ops, and their order is kept.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from kernelq.contracts import Message, pack, unpack
from kernelq.workflows import Arrive, Close, Drop, Forget, Keep, Op, Open, Reopen

from .meeting import Meeting
from .statements import JoinRow, KeptRow, Statements

log = logging.getLogger(__name__)


class Batch:
    """Some ops, to be carried out once, at the instant `now`."""

    def __init__(self, ops: Sequence[Op], now: float) -> None:
        self._now = now
        self._ops: list[Open | Arrive | Close | Reopen | Forget] = []
        self._kept: dict[str, KeptRow | None] = {}  # by name; None: to be dropped
        for op in ops:
            match op:
                case Keep():
                    self._kept[op.key] = (op.key, None if op.ttl is None else now + op.ttl, op.value)
                case Drop():
                    self._kept[op.key] = None
                case _:
                    self._ops.append(op)

    def carry_out(self, statements: Statements, connection: Any) -> list[Message]:
        """Do everything; return what is to be published."""
        messages: list[Message] = []
        if self._ops:
            meetings = self._meet(statements, connection)
            told = self._play(meetings)
            # Before the rows are written: a join that fired may have been forgotten and opened anew after that.
            messages = _messages(statements, connection, told)
            _write(statements, connection, [meetings[join] for join in sorted(meetings)])
        if self._kept:
            self._keep(statements, connection)
        return messages

    def _meet(self, statements: Statements, connection: Any) -> dict[str, Meeting]:
        """The joins of this batch, locked; without those that are only to be closed or reopened and are unknown."""
        known = {row[0]: row for row in statements.lock(connection, sorted({op.join for op in self._ops}))}
        places: defaultdict[str, set[int]] = defaultdict(set)
        for op in self._ops:
            if isinstance(op, Arrive):
                places[op.join].add(op.place)
        asked = [
            (join, place) for join in sorted(places) if _has_parts(known.get(join)) for place in sorted(places[join])
        ]
        new = sorted({op.join for op in self._ops if isinstance(op, Open | Arrive)} - known.keys())
        while new:
            statements.begin(connection, new, self._now)
            found = statements.lock(connection, new)
            known.update((row[0], row) for row in found)
            # Others may have begun it at the same time: then it has parts, and we come after them.
            asked += [(row[0], place) for row in found if _has_parts(row) for place in sorted(places[row[0]])]
            new = [join for join in new if join not in known]  # somebody cleaned it up in between
        taken: defaultdict[str, dict[int, bool]] = defaultdict(dict)
        if asked:
            for join, place, failed in statements.taken(connection, sorted(asked)):
                taken[join][place] = bool(failed)
        return {join: _meeting(row, taken[join], self._now) for join, row in known.items()}

    def _play(self, meetings: dict[str, Meeting]) -> list[Message | str]:
        """Do every op in its order; what is to be published, or the join whose message that is."""
        now = self._now
        told: list[Message | str] = []
        for op in self._ops:
            meeting = meetings.get(op.join)
            if meeting is None:
                continue
            fires = False
            match op:
                case Arrive():
                    fires = meeting.arrive(op, now)
                case Open():
                    fires = meeting.open(op, now)
                case Reopen():
                    fires = meeting.reopen(now)
                case Close():
                    meeting.close(op, now)
                    meeting.forget_if_outlived(now)
                case Forget():
                    meeting.forget(now)
            if fires:
                told.append(meeting.message())
        return told

    def _keep(self, statements: Statements, connection: Any) -> None:
        dropped = sorted(name for name, row in self._kept.items() if row is None)
        rows = [row for name in sorted(self._kept) if (row := self._kept[name]) is not None]
        if dropped:
            statements.drop(connection, dropped)
        if rows:
            statements.keep(connection, rows)


def readable(join: str, raw: Any) -> Message | None:
    """The message of a join; None, and a word in the log, for one that is damaged."""
    message = unpack(bytes(raw))
    if isinstance(message, Message):
        return message
    log.error("the message of join %s cannot be read: %s; what follows it must be started anew", join, message.reason)
    return None


def _meeting(row: JoinRow, taken: dict[int, bool], now: float) -> Meeting:
    join, state, size, arrived, failures, failed, opened_at, since, expires_at = row
    meeting = Meeting(
        id=join,
        state=state,
        size=size,
        arrived=arrived,
        failures=failures,
        failed=failed,
        opened_at=opened_at,
        since=since,
        expires_at=expires_at,
        taken=taken,
    )
    meeting.forget_if_outlived(now)
    return meeting


def _has_parts(row: JoinRow | None) -> bool:
    return row is not None and row[3] > 0


def _messages(statements: Statements, connection: Any, told: Sequence[Message | str]) -> list[Message]:
    """Each once: one that fired may have been asked for again by who came twice."""
    stored = sorted({each for each in told if isinstance(each, str)})
    raw = dict(statements.messages(connection, stored)) if stored else {}
    found: dict[int | str, Message | None] = {}
    for each in told:
        if isinstance(each, Message):
            found.setdefault(id(each), each)
        elif each not in found:
            found[each] = readable(each, raw[each])
    return [message for message in found.values() if message is not None]


def _write(statements: Statements, connection: Any, meetings: Sequence[Meeting]) -> None:
    emptied = [meeting.id for meeting in meetings if meeting.is_emptied]
    freed = [meeting.id for meeting in meetings if meeting.is_freed and not meeting.is_emptied]
    fresh = [
        (meeting.id, place, int(failed), part)
        for meeting in meetings
        for place, (part, failed) in sorted(meeting.fresh.items())
    ]
    opened = [
        (meeting.id, pack(meeting.opening.message), meeting.opening.record)
        for meeting in meetings
        if meeting.opening is not None
    ]
    changed = [meeting.row() for meeting in meetings if meeting.is_changed]
    if emptied:
        statements.empty(connection, emptied, failed_only=False)
    if freed:
        statements.empty(connection, freed, failed_only=True)
    if fresh:
        statements.insert(connection, fresh)
    if opened:
        statements.open(connection, opened)
    if changed:
        statements.update(connection, changed)
