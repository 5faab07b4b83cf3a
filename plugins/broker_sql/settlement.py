"""What becomes of settled deliveries: rows first, which verifies them, then all that follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernelq.contracts import Delivery, Message, Store, Transition, Verdict

from .news import LOOK_EVERY
from .statements import Claim, Row, Statements, row_of


class SomeRefused(Exception):
    """Not every delivery was held; the transaction must be rolled back."""


class Settlement:
    """Transitions of one consumer, sorted by what they do to their rows; carried out in one transaction."""

    def __init__(self, holder: str, transitions: Sequence[Transition], now: float) -> None:
        self._transitions = transitions
        self._now = now
        self._acked: list[Claim] = []
        self._requeued: list[Claim] = []
        self._crashed: list[Claim] = []
        self._parked: list[tuple[float, Any, str, int]] = []
        self._buried: list[tuple[str, Any, str, int]] = []
        self.frees_messages = False
        """Whether something given back is ready before all waiting consumers have looked."""
        for transition in transitions:
            self._sort(transition, _claim(transition.delivery, holder))

    def carry_out(self, statements: Statements, connection: Any) -> list[Row]:
        """Do everything; return the rows of the messages published.

        Raises:
            SomeRefused: a delivery is not held under its fence; what was done must be undone.
        """
        if self._settle_rows(statements, connection) != len(self._transitions):
            raise SomeRefused
        # After the rows: a successor may bear the key of the message it follows.
        published = [row_of(message, self._now) for message in self._follow_ups(connection)]
        if published:
            statements.insert(connection, published)
        return published

    def _sort(self, transition: Transition, claim: Claim) -> None:
        verdict = transition.verdict
        if verdict is Verdict.ACK:
            self._acked.append(claim)
        elif verdict is Verdict.DEAD:
            self._buried.append((transition.reason, *claim))
        elif verdict is Verdict.PARK and transition.delay > 0:
            self._parked.append((self._now + transition.delay, *claim))
            self.frees_messages |= transition.delay <= LOOK_EVERY
        else:
            (self._crashed if verdict is Verdict.CRASHED else self._requeued).append(claim)
            self.frees_messages = True

    def _settle_rows(self, statements: Statements, connection: Any) -> int:
        settled = 0
        if self._acked:
            settled += statements.acknowledge(connection, self._acked)
        if self._requeued:
            settled += statements.release(connection, self._requeued)
        if self._crashed:
            settled += statements.release(connection, self._crashed, crashes=1)
        if self._parked:
            settled += statements.park(connection, self._parked)
        if self._buried:
            settled += statements.bury(connection, self._buried, self._now)
        return settled

    def _follow_ups(self, connection: Any) -> list[Message]:
        """The successors, and after them what the stores answer to their effects."""
        messages: list[Message] = []
        by_store: dict[int, tuple[Store, list[Any]]] = {}
        for transition in self._transitions:
            messages += transition.successors
            for effect in transition.effects:
                by_store.setdefault(id(effect.store), (effect.store, []))[1].append(effect.op)
        for store, ops in by_store.values():
            messages += store.apply_within(connection, ops)
        return messages


def _claim(delivery: Delivery, holder: str) -> Claim:
    return delivery.tag, holder, delivery.fence


def split(transitions: Sequence[Transition], held: dict[Any, int]) -> tuple[list[Transition], list[Transition]]:
    """The accepted and the refused ones, by `held` (seq → fence); a delivery given twice is accepted once."""
    accepted, refused = [], []
    for transition in transitions:
        delivery = transition.delivery
        if held.get(delivery.tag) == delivery.fence:
            del held[delivery.tag]
            accepted.append(transition)
        else:
            refused.append(transition)
    return accepted, refused
