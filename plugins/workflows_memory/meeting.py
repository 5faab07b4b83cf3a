"""One join in memory: who has arrived, and when it fires."""

from __future__ import annotations

from dataclasses import dataclass, field

from kernelq.contracts import Message
from kernelq.workflows import DONE, FAILED, FIRED, WAITING, Arrive, Close, Join, Open


@dataclass(slots=True, kw_only=True)
class Part:
    """What a member brought."""

    raw: bytes
    failed: bool


@dataclass(slots=True, kw_only=True)
class Meeting:
    """A join, or the parts that came before one was opened; instants by the engine's clock."""

    since: float
    """When it came to be in the state it is in."""
    state: str | None = None
    """None: not opened yet."""
    message: Message | None = None
    record: bytes = b""
    size: int | None = None
    failed: int | None = None
    opened_at: float = 0.0
    ends_at: float = float("inf")
    """When it is forgotten; set by its closing."""
    parts: dict[int, Part] = field(default_factory=dict)
    arrived: int = 0

    def open(self, op: Open, now: float) -> list[Message]:
        """See `kernelq.workflows.Open`; what is to be published by that."""
        if self.state is None:
            self.state, self.message, self.record = WAITING, op.message, op.record
            self.opened_at = self.since = now
        if self.size is None:
            self.size = op.size
        return self._fire_if_due(now)

    def arrive(self, op: Arrive, now: float) -> list[Message]:
        """See `kernelq.workflows.Arrive`; what is to be published by that."""
        if self.state == DONE:
            return []
        if op.place in self.parts:
            return self._messages() if self.state == FIRED else []
        self.parts[op.place] = Part(raw=op.part, failed=op.failed)
        self.arrived += 1
        if op.failed and self.failed is None:
            self.failed = op.place
        return self._fire_if_due(now)

    def close(self, op: Close, now: float) -> None:
        """See `kernelq.workflows.Close`."""
        if self.state not in (WAITING, FIRED):
            return
        self.state, self.since = op.state, now
        self.ends_at = float("inf") if op.ttl is None else now + op.ttl
        if op.state == DONE:
            self.parts.clear()

    def reopen(self, now: float) -> list[Message]:
        """See `kernelq.workflows.Reopen`; it fires at once when no member had failed and none is missing."""
        if self.state != FAILED:
            return []
        self.state, self.since, self.failed, self.ends_at = WAITING, now, None, float("inf")
        self.parts = {place: part for place, part in self.parts.items() if not part.failed}
        self.arrived = len(self.parts)
        return self._fire_if_due(now)

    def fire(self, now: float) -> list[Message]:
        """Fire, whoever is missing."""
        self.state, self.since = FIRED, now
        return self._messages()

    def seen(self) -> Join | None:
        """What there is to know of it; None before it is opened."""
        if self.state is None:
            return None
        return Join(
            state=self.state,
            record=self.record,
            size=self.size,
            arrived=self.arrived,
            failed=self.failed,
            opened_at=self.opened_at,
        )

    def _fire_if_due(self, now: float) -> list[Message]:
        is_full = self.size is not None and self.arrived >= self.size
        if self.state == WAITING and (is_full or self.failed is not None):
            return self.fire(now)
        return []

    def _messages(self) -> list[Message]:
        return [] if self.message is None else [self.message]
