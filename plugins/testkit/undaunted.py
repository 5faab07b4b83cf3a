"""Going on like a worker does when its engine is away: trying again, and a new consumer under the old id."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from kernelq.contracts import BackendUnavailable, Broker, BrokerUnavailable, Consumer, Delivery, Transition

from .elsewhere import PATIENCE
from .samples import QUEUE, ids

T = TypeVar("T")

UNAVAILABLE = (BrokerUnavailable, BackendUnavailable)
_REST = 0.05
"""Seconds between two attempts."""


def persist(call: Callable[[], T]) -> T:
    """Call until it is not refused for want of the engine, at most `PATIENCE` seconds; what it returns."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return call()
        except UNAVAILABLE:
            if time.monotonic() > deadline:
                raise
        time.sleep(_REST)


def gives_up(call: Callable[[], object], within: float) -> None:
    """Call until the engine is said to be away, which must be so after `within` seconds; returning is allowed till then."""
    started = time.monotonic()
    while time.monotonic() - started < within:
        try:
            call()
        except UNAVAILABLE:
            break
    waited = time.monotonic() - started
    assert waited < within, f"expected to be told within {within:g} s that the engine is away; {waited:.1f} s went by"


class Undaunted:
    """A consumer that does as a worker's lane: after each loss another one of the same id takes its place."""

    def __init__(self, broker: Broker, id: str, lease: float) -> None:
        self.id = id
        self._broker = broker
        self._lease = lease
        self._consumer: Consumer | None = None

    def fetch(self, limit: int, timeout: float) -> list[Delivery]:
        """As of the contract; after an error the next call begins with a new consumer."""
        return self._use(lambda consumer: consumer.fetch(limit, timeout))

    def settle(self, transitions: Sequence[Transition]) -> list[Transition]:
        """As of the contract, as `fetch`."""
        return self._use(lambda consumer: consumer.settle(transitions))

    def exchange(self, transitions: Sequence[Transition], limit: int) -> tuple[list[Transition], list[Delivery]]:
        """As of the contract, as `fetch`."""
        return self._use(lambda consumer: consumer.exchange(transitions, limit))

    def held(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """As of the contract, as `fetch`."""
        return self._use(lambda consumer: consumer.held(deliveries))

    def fetch_some(self, limit: int) -> list[Delivery]:
        """Fetch, renew and try again until there is something, at most `PATIENCE` seconds.

        It renews as a worker does, so what is stranded under this id stays so.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := persist(lambda: self.fetch(limit, 0.2)):
                return found
            persist(lambda: self._broker.renew([self.id]))
        return []

    def drain(self, wanted: Collection[str]) -> list[str]:
        """Fetch and ack until each of these ids has come; the ids of which an ack was not refused, in order."""
        missing, acked = set(wanted), list[str]()
        while missing and (found := self.fetch_some(50)):
            missing.difference_update(ids(found))
            transitions = [Transition(delivery=delivery) for delivery in found]
            refused = persist(lambda transitions=transitions: self.settle(transitions))  # type: ignore[misc]
            acked += ids(each.delivery for each in transitions if each not in refused)
        assert not missing, f"never handed out: {sorted(missing)}"
        return acked

    def wake(self) -> None:
        """As of the contract."""
        if self._consumer is not None:
            self._consumer.wake()

    def close(self) -> None:
        """As of the contract."""
        if self._consumer is not None:
            self._consumer.close()

    def _use(self, call: Callable[[Consumer], T]) -> T:
        if self._consumer is None:
            self._consumer = self._broker.consumer([QUEUE], id=self.id, lease=self._lease)
        try:
            return call(self._consumer)
        except BrokerUnavailable:
            self._consumer.discard()
            self._consumer = None
            raise
