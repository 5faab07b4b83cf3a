"""Waiting for outcomes: read again what a ring came for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection

from kernelq.contracts import SUCCESS, BrokerError, Outcome, Watch
from kernelq.redis import Listener, RedisEngine, Space, Tap

from .errors import read_outcome

HEADER = 17
"""Bytes before the outcome: see ``scripts/store.lua``."""

_LOOK_EVERY = 1.5
"""Seconds without a look while nothing is heard."""

_LOOK_ANYWAY = 30.0
"""Seconds without a look at what no ring came for."""

Load = Callable[[Collection[str]], dict[str, bytes]]
"""Task ids → blobs of those that are stored."""


class RedisWatch(Watch):
    """A watch of some tasks, by what was last seen of each. A task's channel has the name of its key."""

    def __init__(
        self, engine: RedisEngine, space: Space, load: Load, channel: Callable[[str], str], ids: Collection[str]
    ) -> None:
        self._engine = engine
        self._space = space
        self._load = load
        self._open = dict.fromkeys(ids)  # what may still change, in the order given
        self._channels = {channel(task_id): task_id for task_id in self._open}
        self._channel = channel
        self._seen: dict[str, bytes] = {}
        self._listener: Listener | None = None  # made by the first wait
        self._tap: Tap | None = None  # taken by the first wait for one alone, if nobody has it
        self._may_tap = len(self._open) == 1
        self._lock = threading.Lock()
        self._rung_for = set(self._open)  # what to read next; under the lock
        self._rung = threading.Event()

    def changes(self, timeout: float) -> list[Outcome]:
        deadline = time.monotonic() + timeout
        if self._may_tap and self._open and timeout > 0:
            heard = self._hear(deadline)
            if heard is not None:
                return heard
        while True:
            outcomes = self._look()
            left = deadline - time.monotonic()
            if outcomes or left <= 0:
                return outcomes
            self._wait(left)

    def close(self) -> None:
        self._leave_tap()
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.leave(self._channels)

    def _hear(self, deadline: float) -> list[Outcome] | None:
        """The changes of the only task, heard by this thread itself; None when it cannot, from then on."""
        [task_id] = self._open
        blob = None
        try:
            if self._tap is None:
                self._tap = self._space.tap()
                if self._tap is None:
                    self._may_tap = False
                    return None
                blob = self._tap.tune(self._channel(task_id))
            while True:
                outcomes = self._changed({task_id: blob[HEADER:]} if blob else {})
                left = deadline - time.monotonic()
                if outcomes or left <= 0:
                    return outcomes
                blob = self._tap.wait(left)
        except BrokerError:  # if the other way is no better, it says so
            self._may_tap = False
            self._leave_tap()
            self._look_at_all()
            return None

    def _leave_tap(self) -> None:
        tap, self._tap = self._tap, None
        if tap is not None:
            tap.end()

    def _look(self) -> list[Outcome]:
        with self._lock:
            self._rung.clear()
            wanted, self._rung_for = [each for each in self._rung_for if each in self._open], set()
        try:
            blobs = self._load(wanted)
        except BaseException:  # whatever it was goes on; what was to be looked at is looked at next time
            self._look_at_all()
            raise
        return self._changed(blobs)

    def _changed(self, blobs: dict[str, bytes]) -> list[Outcome]:
        changed = [read_outcome(task_id, blob) for task_id, blob in blobs.items() if self._seen.get(task_id) != blob]
        self._seen.update(blobs)
        self._finish([outcome.id for outcome in changed if outcome.state == SUCCESS])
        return changed

    def _finish(self, ids: Collection[str]) -> None:
        """Nothing overwrites a SUCCESS: these are read no more."""
        for task_id in ids:
            del self._open[task_id], self._seen[task_id]
        channels = [self._channel(task_id) for task_id in ids]
        for channel in channels:
            del self._channels[channel]
        if self._listener is not None and channels:
            self._listener.leave(channels)

    def _wait(self, left: float) -> None:
        if self._listener is None:
            # Each channel rings once it is subscribed, so what came since the look is seen.
            self._listener = self._engine.listen(list(self._channels), self._ring)
        patience = _LOOK_ANYWAY if self._listener.is_heard else _LOOK_EVERY
        if not self._rung.wait(min(left, patience)) and left > patience:
            self._look_at_all()

    def _ring(self, channel: str) -> None:  # on the engine's thread
        task_id = self._channels.get(channel)
        if task_id is not None:
            with self._lock:
                self._rung_for.add(task_id)
                self._rung.set()

    def _look_at_all(self) -> None:
        with self._lock:
            self._rung_for.update(self._open)
            self._rung.set()
