"""The shelf: all that the memory store keeps. Every method is called with the engine's lock held."""

from __future__ import annotations

from collections.abc import Iterable

from kernelq.contracts import Message
from kernelq.workflows import FIRED, WAITING, Arrive, Close, Drop, Forget, Join, Keep, Op, Open, Reopen

from .meeting import Meeting

OVERDUE_AT_ONCE = 1000


class Shelf:
    """Joins by their ids, and values by their keys."""

    def __init__(self) -> None:
        self._meetings: dict[str, Meeting] = {}
        self._kept: dict[str, tuple[bytes, float]] = {}  # value, and until when it counts

    def do(self, op: Op, now: float) -> list[Message]:
        """Do one thing; what is to be published by that."""
        match op:
            case Keep():
                self._kept[op.key] = op.value, float("inf") if op.ttl is None else now + op.ttl
            case Drop():
                self._kept.pop(op.key, None)
            case Open():
                return self._met(op.join, now).open(op, now)
            case Arrive():
                return self._met(op.join, now).arrive(op, now)
            case Close():
                if meeting := self._find(op.join, now):
                    meeting.close(op, now)
            case Forget():
                self._meetings.pop(op.join, None)
            case Reopen():
                if meeting := self._find(op.join, now):
                    return meeting.reopen(now)
        return []

    def join(self, join: str, now: float) -> Join | None:
        """What is known of a join."""
        meeting = self._find(join, now)
        return meeting.seen() if meeting else None

    def parts(self, join: str, places: Iterable[int], now: float) -> list[bytes | None]:
        """The parts of these places."""
        meeting = self._find(join, now)
        parts = meeting.parts if meeting else {}
        return [parts[place].raw if place in parts else None for place in places]

    def kept(self, keys: Iterable[str], now: float) -> dict[str, bytes]:
        """The values kept under these keys."""
        found = {key: self._kept[key] for key in keys if key in self._kept}
        return {key: value for key, (value, ends_at) in found.items() if now < ends_at}

    def overdue(self, fired: float, open: float, now: float) -> list[Message]:
        """See `kernelq.workflows.WorkflowStore.overdue`."""
        late = {FIRED: now - fired, WAITING: now - open, None: now - open}
        found = [
            (meeting.since, join)
            for join, meeting in self._meetings.items()
            if meeting.state in late and meeting.since < late[meeting.state] and now < meeting.ends_at
        ]
        orphans = [join for _, join in found if self._meetings[join].state is None]
        for join in orphans:
            del self._meetings[join]
        left = [self._meetings[join] for _, join in sorted(found) if join in self._meetings][:OVERDUE_AT_ONCE]
        return [message for meeting in left for message in _told(meeting, now)]

    def clean(self, now: float) -> int:
        """Drop what has outlived its `ttl`; return how many."""
        joins = [join for join, meeting in self._meetings.items() if meeting.ends_at <= now]
        keys = [key for key, (_, ends_at) in self._kept.items() if ends_at <= now]
        for join in joins:
            del self._meetings[join]
        for key in keys:
            del self._kept[key]
        return len(joins) + len(keys)

    def _find(self, join: str, now: float) -> Meeting | None:
        meeting = self._meetings.get(join)
        return meeting if meeting is not None and now < meeting.ends_at else None

    def _met(self, join: str, now: float) -> Meeting:
        meeting = self._find(join, now)
        if meeting is None:
            meeting = self._meetings[join] = Meeting(since=now)
        return meeting


def _told(meeting: Meeting, now: float) -> list[Message]:
    """The message of an overdue one; one that has fired keeps the instant it did so."""
    fired_at = meeting.since if meeting.state == FIRED else now
    return meeting.fire(fired_at)
