"""One lane's hold on some queues: claim, settle, give back."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from kernelq.contracts import BrokerUnavailable, Consumer, Delivery, Transition
from kernelq.redis import Listener, RedisEngine, Script, Space, Word

from . import scripts
from .parcels import Tag, deliveries_of
from .settlement import Settlement

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds a waiting consumer goes without a look of its own, whatever rings do not come."""

_REST = 0.02
"""Seconds at least between a look that was for nothing and the next that nobody asked for: many consumers wait for one eta."""


class RedisConsumer(Consumer):
    """A consumer of `queues` in the space of the Redis broker; its lease begins with its first fetch.

    `numbers` gives each claim its number. `unanswered` has, by consumer id, the number of a claim whose answer was lost:
    the next consumer of that id asks for what it took.
    """

    def __init__(
        self,
        engine: RedisEngine,
        space: Space,
        queues: Sequence[str],
        *,
        id: str,
        lease: float,
        numbers: Iterator[int],
        unanswered: dict[str, int],
    ) -> None:
        self.id = id
        self._engine = engine
        self._space = space
        self._queues = tuple(dict.fromkeys(queues))
        self._lease = lease
        self._numbers = numbers
        self._unanswered = unanswered
        self._channel = space.key(f"wake:{id}")
        self._listener: Listener | None = None  # made by the first wait
        self._is_put_down = False  # as waiting, by the last claim that took nothing
        self._rung = threading.Event()  # set from any thread
        self._is_woken = False  # set by any thread, reset by a fetch that ends

    def fetch(self, limit: int, timeout: float) -> list[Delivery]:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit!r}")
        deadline = time.monotonic() + timeout
        if timeout > 0 and self._listener is None:
            # Before the look: the ring that says it is subscribed makes us look again.
            self._listener = self._engine.listen([self._channel], lambda channel: self._rung.set())
        while True:
            self._rung.clear()  # before the look: what comes during it is not lost
            deliveries, rest = self._claim(limit, may_wait=timeout > 0)
            left = deadline - time.monotonic()
            if deliveries or self._is_woken or left <= 0:
                self._is_woken = False
                return deliveries
            self._rung.wait(min(max(rest, _REST), LOOK_EVERY, left))

    def settle(self, transitions: Sequence[Transition]) -> list[Transition]:
        if not transitions:
            return []
        settlement = Settlement(transitions)
        script = scripts.settle_script(settlement.fragments, self._space.db)
        refused = self._space.run(script, [self.id, next(self._numbers), *settlement.words])
        return [settlement.order[position] for position in refused]

    def mark_started(self, deliveries: Sequence[Delivery]) -> None:
        self._space.run(scripts.MARK_STARTED, [self.id, *(word for delivery in deliveries for word in delivery.tag)])

    def take_over(self, consumer_id: str) -> list[Delivery]:
        return deliveries_of(*self._take(scripts.TAKE_OVER, [consumer_id]))

    def held(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        if not deliveries:
            return []
        tags: list[Tag] = [delivery.tag for delivery in deliveries]
        tokens = self._space.call("HMGET", self._space.key(f"held:{self.id}"), *(key for key, _ in tags))
        return [
            delivery
            for delivery, (_, token), found in zip(deliveries, tags, tokens, strict=True)
            if token == found
        ]  # fmt: skip

    def wake(self) -> None:
        self._is_woken = True  # before the ring: a fetch that is about to wait sees one or the other
        self._rung.set()

    def discard(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.leave([self._channel])

    def close(self) -> None:
        self.discard()
        self._space.run(scripts.GIVE_BACK, [self.id, *(self._queues if self._is_put_down else ())])
        self._unanswered.pop(self.id, None)
        self._is_put_down = False

    def _claim(self, limit: int, *, may_wait: bool) -> tuple[list[Delivery], float]:
        """Claim; or nothing, and the seconds until there may be something."""
        is_waiting, was_waiting = "01"[may_wait], "01"[self._is_put_down]
        found = self._take(scripts.CLAIM, [limit, is_waiting, was_waiting, *self._queues])
        *found, lost = found
        for i in range(0, len(lost), 2):
            log.warning("messages taken back from %s, whose lease had ended: %d", lost[i].decode(), lost[i + 1])
        if found[0]:
            self._is_put_down = self._is_put_down or may_wait
            return [], float(found[0])
        self._is_put_down = False
        return deliveries_of(*found[1:]), math.inf

    def _take(self, script: Script, args: Sequence[Word]) -> list[Any]:
        """Run a script that hands out; what an earlier one handed out whose answer was lost comes first."""
        before = self._unanswered.get(self.id)
        number = next(self._numbers) if before is None else before
        self._unanswered[self.id] = number  # until its answer is there
        try:
            found: list[Any] = self._space.run(
                script, [self.id, self._lease, number, *args], repeated=before is not None
            )
        except BrokerUnavailable:
            raise
        except Exception:  # it goes on
            del self._unanswered[self.id]  # the script said no: it took nothing
            raise
        del self._unanswered[self.id]
        return found
