"""Waiting for outcomes: read again, at each wake-up, what is not yet a SUCCESS."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from kernelq.contracts import Outcome, Watch
from kernelq.sql import SqlEngine, Wakeup, store_errors

from .errors import read_outcome

CHANNEL = "kernelq_results"

SUCCESS = "SUCCESS"
"""The state nothing overwrites: a task that has it is read no more."""

_LOOK_EVERY = 1.0
"""Seconds without a look of its own, whatever bells do not ring."""

_REST = 9.0
"""Times the duration of a look that must pass before the next: many tasks cost a tenth of a core at most."""

_LONGEST_REST = 0.05
"""Seconds."""

Load = Callable[[Collection[str]], dict[str, bytes]]
"""Task ids → blobs of those that are stored."""


class SqlWatch(Watch):
    """A watch of some tasks, by what was last seen of each."""

    def __init__(self, engine: SqlEngine, load: Load, ids: Collection[str]) -> None:
        self._engine = engine
        self._load = load
        self._open = dict.fromkeys(ids)  # what may still change, in the order given
        self._seen: dict[str, bytes] = {}
        self._wakeup: Wakeup | None = None  # made by the first wait
        self._next_look_at = 0.0  # monotonic

    def changes(self, timeout: float) -> list[Outcome]:
        deadline = time.monotonic() + timeout
        while True:
            outcomes = self._look()
            left = deadline - time.monotonic()
            if outcomes and self._wakeup is not None:
                self._wakeup.found()
            if outcomes or left <= 0:
                return outcomes
            self._wait(left)

    def close(self) -> None:
        wakeup, self._wakeup = self._wakeup, None
        if wakeup is not None:
            wakeup.close()

    def _look(self) -> list[Outcome]:
        if not self._open:
            return []
        began = time.monotonic()
        with store_errors():
            blobs = self._load(self._open)
        changed = [read_outcome(task_id, blob) for task_id, blob in blobs.items() if self._seen.get(task_id) != blob]
        self._seen.update(blobs)
        for outcome in changed:
            if outcome.state == SUCCESS:
                del self._open[outcome.id], self._seen[outcome.id]
        ended = time.monotonic()
        self._next_look_at = ended + min(_REST * (ended - began), _LONGEST_REST)
        return changed

    def _wait(self, left: float) -> None:
        if self._wakeup is None:
            # Made by the first wait, and that look is repeated: what came before did not ring it.
            self._wakeup = self._engine.listen(CHANNEL)
            return
        self._wakeup.wait(min(left, _LOOK_EVERY))
        rest = min(self._next_look_at - time.monotonic(), left)
        if rest > 0:
            time.sleep(rest)
