"""The result backend's checks: outcomes of tasks that never were, stored, read and waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from statistics import median
from typing import Final

from kernelq import uuid
from kernelq.contracts import SUCCESS, Backend, Outcome

from .check import Check, failed, milliseconds, ok

ROUNDS: Final = 20
"""Outcomes whose median times are told."""

PATIENCE: Final = 10.0
"""Seconds an outcome may take to be seen."""

TTL: Final = 60.0
"""Seconds after which an outcome of ours goes, should we not get to forget it."""


class BackendProbe:
    """Stores outcomes under ids that nobody else knows. Used by one thread; `close` forgets them."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._ids: list[str] = []

    def checks(self) -> Iterator[Check]:
        """Every check in turn; an error of the engine goes to the caller."""
        kept = self._kept()
        yield kept
        if kept.level == "ok":
            yield self._watched()

    def close(self) -> None:
        """Leave nothing of ours.

        Raises:
            BackendUnavailable: they could not be forgotten; they go by themselves after `TTL`.
        """
        if self._ids:
            self._backend.forget(self._ids)

    def _kept(self) -> Check:
        stores, reads = [], []
        for _ in range(ROUNDS):
            outcome = self._outcome()
            with self._backend.watch([outcome.id]) as watch:  # a backend that sends outcomes sends to who waits
                begun = time.perf_counter()
                self._backend.apply([outcome])
                stored = time.perf_counter()
                found = self._backend.get_many([outcome.id]).get(outcome.id)
                if found is None:
                    found = next(iter(watch.changes(PATIENCE)), None)
                stores.append(stored - begun)
                reads.append(time.perf_counter() - stored)
            if found is None or found.value != outcome.value:
                return failed("results", "an outcome was stored, and could not be read again")
        times = f"store {milliseconds(median(stores))}, read {milliseconds(median(reads))}"
        return ok("results", f"an outcome was stored and read; {times} (median of {ROUNDS})")

    def _watched(self) -> Check:
        waits = []
        for _ in range(ROUNDS):
            outcome = self._outcome()
            waited = self._wait_for(outcome)
            if waited is None:
                return failed(
                    "waiting", f"an outcome was stored, and who waited had not heard of it after {PATIENCE:g} s"
                )
            waits.append(waited)
        return ok("waiting", f"who waited heard of an outcome in {milliseconds(median(waits))} (median of {ROUNDS})")

    def _wait_for(self, outcome: Outcome) -> float | None:
        """Seconds from the store to its being seen, None when it was not. Stored on another thread, while this one waits."""
        stored_at: list[float] = []
        is_waiting = threading.Event()

        def store() -> None:
            is_waiting.wait()
            stored_at.append(time.perf_counter())
            self._backend.apply([outcome])

        thread = threading.Thread(target=store, name="doctor", daemon=True)
        with self._backend.watch([outcome.id]) as watch:
            watch.changes(0)  # what is stored already, which is nothing
            thread.start()
            is_waiting.set()
            seen = watch.changes(PATIENCE)
            seen_at = time.perf_counter()
        thread.join()
        return seen_at - stored_at[0] if seen else None

    def _outcome(self) -> Outcome:
        id = uuid()
        self._ids.append(id)
        return Outcome(
            id=id, state=SUCCESS, fence=1, value=b'"well"', task="kernelq.doctor", done_at=time.time(), ttl=TTL,
            reply_to=self._backend.reply_to,
        )  # fmt: skip
