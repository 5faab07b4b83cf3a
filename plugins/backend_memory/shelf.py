"""The shelf: all that the memory backend keeps. Every method is called with the engine's lock held."""

from __future__ import annotations

from dataclasses import dataclass, field

from kernelq.contracts import Outcome, accepts, pack_outcome, unpack_outcome


@dataclass(frozen=True, slots=True)
class Kept:
    """An outcome, packed so that nobody can change it from outside, and until when it counts."""

    raw: bytes
    ends_at: float


@dataclass(frozen=True, slots=True, eq=False)
class Subscription:
    """The tasks somebody watches, and which of them changed since he looked, in that order."""

    ids: frozenset[str]
    changed: dict[str, None] = field(default_factory=dict)


class Shelf:
    """Outcomes by task id, and who wants to hear of which."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._subscriptions: dict[str, set[Subscription]] = {}  # by task id

    def get(self, task_id: str, now: float) -> Outcome | None:
        """What is stored of a task, unless it outlived its `ttl`."""
        kept = self._kept.get(task_id)
        return unpack_outcome(kept.raw) if kept is not None and now < kept.ends_at else None

    def put(self, outcome: Outcome, now: float) -> None:
        """Store an outcome if the rule of backends lets it replace what is there."""
        if not accepts(self.get(outcome.id, now), outcome):
            return
        ends_at = float("inf") if outcome.ttl is None else now + outcome.ttl
        self._kept[outcome.id] = Kept(pack_outcome(outcome), ends_at)
        for subscription in self._subscriptions.get(outcome.id, ()):
            subscription.changed[outcome.id] = None

    def drop(self, task_id: str) -> None:
        """Forget a task's outcome, if there is one."""
        self._kept.pop(task_id, None)

    def clean(self, now: float) -> int:
        """Drop what has outlived its `ttl`; return how many."""
        outlived = [task_id for task_id, kept in self._kept.items() if kept.ends_at <= now]
        for task_id in outlived:
            del self._kept[task_id]
        return len(outlived)

    def subscribe(self, subscription: Subscription) -> None:
        """Note changes in it from now on, and first of all what is stored already."""
        for task_id in subscription.ids:
            self._subscriptions.setdefault(task_id, set()).add(subscription)
            if task_id in self._kept:
                subscription.changed[task_id] = None

    def unsubscribe(self, subscription: Subscription) -> None:
        """Note nothing more in it; a second time does nothing."""
        for task_id in subscription.ids:
            watching = self._subscriptions.get(task_id, set())
            watching.discard(subscription)
            if not watching:
                self._subscriptions.pop(task_id, None)
