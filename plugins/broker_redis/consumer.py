"""One lane's hold on some queues: claim, settle, give back."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from kernelq.contracts import BrokerError, Consumer, Delivery, Transition
from kernelq.redis import Call, RedisEngine, Script, Space, Subscription, Word

from . import scripts
from .parcels import Tag, deliveries_of, with_longs
from .settlement import Settlement

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds a waiting consumer goes without a look of its own while it hears no rings."""

LOOK_ANYWAY = 20.0
"""Seconds it goes while it hears them, or the length of its lease and 5 seconds, if that is less: what a worker held that
was lost just after the last look is found soon after its lease has ended."""

_REST = 0.02
"""Seconds at least between a look that was for nothing and the next that nobody asked for: many consumers wait for one eta."""


class RedisConsumer(Consumer):
    """A consumer of `queues` in the space of the Redis broker; its lease begins with its first fetch.

    `numbers` gives each claim its number. `unanswered` has, by consumer id, the number of a claim whose answer did not
    come, or not the long messages of it: the next consumer of that id asks for what it took.
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
        self._ear: Subscription | None = None  # made by the first wait
        self._is_put_down = False  # as waiting, by the last claim that took nothing
        self._look_at = 0.0  # when the next look is due if no ring comes, monotonic
        self._owed: Word = ""  # the settlement whose followers nobody was woken for, until a claim was answered
        self._waits = False
        self._is_woken = False  # set by any thread, reset by a fetch that ends

    def fetch(self, limit: int, timeout: float) -> list[Delivery]:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit!r}")
        deadline = time.monotonic() + timeout
        if timeout > 0:
            self._listen()
        while True:
            deliveries: list[Delivery] = []
            if timeout <= 0 or not self._is_put_down or time.monotonic() >= self._look_at:
                deliveries = self._claim(limit, may_wait=timeout > 0)
            left = deadline - time.monotonic()
            if deliveries or self._is_woken or left <= 0:
                self._is_woken = False
                return deliveries
            if self._wait(min(self._look_at - time.monotonic(), left)):
                self._look_at = 0.0
                self._listen()

    def settle(self, transitions: Sequence[Transition]) -> list[Transition]:
        if not transitions:
            return []
        settlement, call = self._settlement(transitions, ())
        return [settlement.order[position] for position in self._space.run(call.script, call.args)]

    def exchange(self, transitions: Sequence[Transition], limit: int) -> tuple[list[Transition], list[Delivery]]:
        settlement, settle = self._settlement(transitions, self._queues)
        before = self._unanswered.get(self.id)
        # Put down as waiting only if rings are heard: the next fetch waits without another look.
        may_wait = self._ear is not None and self._ear.is_heard
        if settlement.is_followed:
            self._owed = settle.args[1]
        args = self._claim_args(limit, may_wait=may_wait)
        number = self._number(before)
        claim = Call(scripts.CLAIM, [self.id, self._lease, number, *args], repeated=before is not None)
        refused, found = self._space.run_many([settle, claim])
        if isinstance(refused, Exception):
            raise refused  # what was taken is asked for again, by its number
        deliveries: list[Delivery] = []
        if not isinstance(found, Exception):
            # Should the long ones not come, the settlement is told all the same, and the number asks for them again.
            with suppress(BrokerError):
                deliveries = self._claimed(found, may_wait=may_wait)
        return [settlement.order[position] for position in refused], deliveries

    def mark_started(self, deliveries: Sequence[Delivery]) -> None:
        self._space.run(scripts.MARK_STARTED, [self.id, *(word for delivery in deliveries for word in delivery.tag)])

    def take_over(self, consumer_id: str) -> list[Delivery]:
        return self._delivered(*self._take(scripts.TAKE_OVER, [consumer_id]))

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
        self._is_woken = (
            True  # before the look whether it waits: a fetch about to wait says so first, then looks at this
        )
        ear = self._ear
        if self._waits and ear is not None:
            ear.wake()

    def discard(self) -> None:
        ear, self._ear = self._ear, None
        if ear is not None:
            ear.close()

    def close(self) -> None:
        self.discard()
        self._space.run(scripts.GIVE_BACK, [self.id, *(self._queues if self._is_put_down else ())])
        self._unanswered.pop(self.id, None)
        self._is_put_down = False

    def _claim(self, limit: int, *, may_wait: bool) -> list[Delivery]:
        return self._claimed(self._take(scripts.CLAIM, self._claim_args(limit, may_wait=may_wait)), may_wait=may_wait)

    def _claim_args(self, limit: int, *, may_wait: bool) -> list[Word]:
        return [limit, "01"[may_wait], "01"[self._is_put_down], self._owed, *self._queues]

    def _claimed(self, found: Sequence[Any], *, may_wait: bool) -> list[Delivery]:
        *found, lost = found
        self._owed = ""
        for i in range(0, len(lost), 2):
            log.warning("messages taken back from %s, whose lease had ended: %d", lost[i].decode(), lost[i + 1])
        if found[0]:
            del self._unanswered[self.id]
            self._is_put_down = self._is_put_down or may_wait
            self._look_at = time.monotonic() + min(max(float(found[0]), _REST), self._patience())
            return []
        self._is_put_down = False
        return self._delivered(*found[1:])

    def _delivered(
        self,
        keys: Sequence[bytes],
        tokens: Sequence[bytes],
        blobs: Sequence[Any],
        marks: Sequence[int],
        revoked: Sequence[Any],
    ) -> list[Delivery]:
        """What was handed out, when all of it is here; a claim whose long messages did not come is still unanswered."""
        if b"" in blobs:
            blobs = with_longs(keys, blobs, self._space)
        del self._unanswered[self.id]
        return deliveries_of(keys, tokens, blobs, marks, revoked)

    def _take(self, script: Script, args: Sequence[Word]) -> list[Any]:
        """Run a script that hands out; what an earlier one handed out whose answer was lost comes first.

        Who has read the answer forgets its number.
        """
        before = self._unanswered.get(self.id)
        number = self._number(before)
        found: list[Any] = self._space.run(script, [self.id, self._lease, number, *args], repeated=before is not None)
        return found

    def _number(self, before: int | None) -> int:
        """The number of a claim, new or that of the one whose answer was lost; kept until its answer is there."""
        self._unanswered[self.id] = number = next(self._numbers) if before is None else before
        return number

    def _settlement(self, transitions: Sequence[Transition], looked: Sequence[str]) -> tuple[Settlement, Call]:
        """What settles, and the call; the queues `looked` at right after it are told if there will be something in them."""
        settlement = Settlement(transitions)
        script = scripts.settle_script(settlement.fragments, self._space.db)
        queues = looked if settlement.is_followed else ()
        return settlement, Call(script, [self.id, next(self._numbers), len(queues), *queues, *settlement.words])

    def _listen(self) -> None:
        """Hear rings from now on, if that is possible; before the look, so that none is missed."""
        if self._ear is None:
            self._ear = self._engine.subscribe(self._channel)
        self._ear.open()

    def _patience(self) -> float:
        is_heard = self._ear is not None and self._ear.is_heard
        return min(LOOK_ANYWAY, self._lease + 5.0) if is_heard else LOOK_EVERY

    def _wait(self, seconds: float) -> bool:
        """Until somebody rings or wakes us: True; or for these seconds."""
        assert self._ear is not None
        self._waits = True
        try:
            return self._is_woken or self._ear.wait(max(seconds, 0.0))
        finally:
            self._waits = False
