"""The book of claims: all that the memory store keeps. Every method is called with the engine's lock held."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kernelq.locks import ANYBODY, Claim, Holder, Keep, Op, Release


@dataclass(slots=True, kw_only=True)
class Entry:
    """One claim; instants by the engine's clock."""

    token: str
    task: str
    queue: str
    since: float
    ends_at: float

    def is_over(self, now: float) -> bool:
        """Whether it has ended by itself."""
        return not self.queue and self.ends_at <= now


class Book:
    """Claims by their keys."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def claim(self, claim: Claim, now: float) -> Holder | None:
        """See `kernelq.locks.LockStore.claim`."""
        entry = self._find(claim.key, now)
        if entry is not None and claim.over != ANYBODY and entry.token not in (claim.token, claim.over):
            return _seen(claim.key, entry, now)
        self._entries[claim.key] = Entry(
            token=claim.token, task=claim.task, queue=claim.queue, since=now, ends_at=now + claim.ttl
        )
        return None

    def do(self, op: Op, now: float) -> None:
        """Do one thing."""
        entry = self._find(op.key, now)
        if entry is None or entry.token != op.token:
            return
        match op:
            case Release():
                del self._entries[op.key]
            case Keep():
                entry.queue, entry.ends_at = op.queue, now + op.ttl

    def holders(self, keys: Iterable[str], now: float) -> dict[str, Holder]:
        """Who holds these keys."""
        found = {key: self._find(key, now) for key in keys}
        return {key: _seen(key, entry, now) for key, entry in found.items() if entry is not None}

    def claims(self, limit: int, now: float) -> list[Holder]:
        """The oldest claims."""
        return sorted(self.holders(self._entries, now).values(), key=lambda holder: holder.since)[:limit]

    def free(self, key: str, now: float) -> bool:
        """Forget a claim; whether there was one."""
        entry = self._find(key, now)
        self._entries.pop(key, None)
        return entry is not None

    def clean(self, now: float) -> int:
        """Forget what has ended by itself; return how many."""
        over = [key for key, entry in self._entries.items() if entry.is_over(now)]
        for key in over:
            del self._entries[key]
        return len(over)

    def _find(self, key: str, now: float) -> Entry | None:
        entry = self._entries.get(key)
        return None if entry is None or entry.is_over(now) else entry


def _seen(key: str, entry: Entry, now: float) -> Holder:
    return Holder(
        key=key, token=entry.token, task=entry.task, queue=entry.queue, since=entry.since, remaining=entry.ends_at - now
    )
