"""One join in a batch: as it was found, and what becomes of it, op by op."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kernelq.contracts import Message
from kernelq.workflows import DONE, FAILED, FIRED, WAITING, Arrive, Close, Open

from .statements import JoinRow

NOT_OPENED = ""
"""The state of a join of which only parts have come."""


@dataclass(slots=True, kw_only=True)
class Meeting:
    """The row of a join and what is to be written of it. Instants by the engine's clock."""

    id: str
    state: str
    size: int | None
    arrived: int
    failures: int
    failed: int | None
    opened_at: float
    since: float
    expires_at: float | None
    taken: Mapping[int, bool]
    """Of the places asked for in this batch those that are taken in the table, and whether their members failed."""

    fresh: dict[int, tuple[bytes, bool]] = field(default_factory=dict)
    """Parts to be written by place, and whether their members failed."""
    opening: Open | None = None
    """What began it in this batch: its message and record are to be written."""
    is_changed: bool = False
    is_emptied: bool = False
    """Its parts in the table are to be dropped, before the fresh ones are written."""
    is_freed: bool = False
    """The same for those of failed members."""

    def open(self, op: Open, now: float) -> bool:
        """See `kernelq.workflows.Open`; whether it fires by that."""
        if self.state == NOT_OPENED:
            self.state, self.opened_at, self.since, self.opening = WAITING, now, now, op
            self.is_changed = True
        if self.size is None and op.size is not None:
            self.size = op.size
            self.is_changed = True
        return self._fires(now)

    def arrive(self, op: Arrive, now: float) -> bool:
        """See `kernelq.workflows.Arrive`; whether its message is to be published now."""
        if self.state == DONE:
            return False
        if op.place in self.fresh or op.place in self.taken:
            return self.state == FIRED
        self.fresh[op.place] = op.part, op.failed
        self.arrived += 1
        self.failures += op.failed
        if op.failed and self.failed is None:
            self.failed = op.place
        self.is_changed = True
        return self._fires(now)

    def close(self, op: Close, now: float) -> None:
        """See `kernelq.workflows.Close`."""
        if self.state not in (WAITING, FIRED):
            return
        self.state, self.since = op.state, now
        self.expires_at = None if op.ttl is None else now + op.ttl
        self.is_changed = True
        if op.state == DONE:
            self._empty()

    def reopen(self, now: float) -> bool:
        """See `kernelq.workflows.Reopen`; whether it fires at once, for no member had failed and none is missing."""
        if self.state != FAILED:
            return False
        self.state, self.since, self.failed, self.expires_at = WAITING, now, None, None
        self.arrived -= self.failures
        self.failures = 0
        self.taken = {place: failed for place, failed in self.taken.items() if not failed}
        self.fresh = {place: part for place, part in self.fresh.items() if not part[1]}
        self.is_freed = self.is_changed = True
        return self._fires(now)

    def forget(self, now: float) -> None:
        """It is as if nothing was ever said of it."""
        self.state, self.size, self.arrived, self.failures, self.failed = NOT_OPENED, None, 0, 0, None
        self.opened_at, self.since, self.expires_at, self.opening = now, now, None, None
        self.is_changed = True
        self._empty()

    def forget_if_outlived(self, now: float) -> None:
        """Nobody sees it any more after its `ttl`."""
        if self.expires_at is not None and self.expires_at <= now:
            self.forget(now)

    def message(self) -> Message | str:
        """What it publishes; its id where that must be read from the table."""
        return self.id if self.opening is None else self.opening.message

    def row(self) -> JoinRow:
        """What its row is to be."""
        return (
            self.id, self.state, self.size, self.arrived, self.failures, self.failed,
            self.opened_at, self.since, self.expires_at,
        )  # fmt: skip

    def _fires(self, now: float) -> bool:
        is_full = self.size is not None and self.arrived >= self.size
        if self.state != WAITING or not (is_full or self.failed is not None):
            return False
        self.state, self.since, self.is_changed = FIRED, now, True
        return True

    def _empty(self) -> None:
        self.taken, self.fresh = {}, {}
        self.is_emptied = True
