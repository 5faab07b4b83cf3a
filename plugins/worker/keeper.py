"""The keeper: a thread that renews leases, so that no task loses its own by being long or busy."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from kernelq import KernelQ
from kernelq.contracts import BackendUnavailable, BrokerFull, BrokerUnavailable
from kernelq.errors import StepFailed

log = logging.getLogger("kernelq.worker")

CLEANUP_EVERY = 600.0
"""Seconds between two cleanings of outlived results."""


class Keeper:
    """Renews the leases of the consumers in `ids`, every third of the lease.

    `talking` is held while this thread is inside a client library; hold it to fork. `on_found` is called when the
    broker was away and is back.
    """

    def __init__(self, app: KernelQ, lease: float, *, on_found: Callable[[], None]) -> None:
        self.ids: set[str] = set()
        self.talking = threading.Lock()
        self._app = app
        self._every = lease / 3
        self._on_found = on_found
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_lost = False
        self._renewed: set[str] = set()  # those whose lease was alive at the last look
        self._chores: list[_Chore] = [_Chore(CLEANUP_EVERY, self._clean)]

    def chore(self, every: float, do: Callable[[], object]) -> None:
        """Have `do` called on this thread every so many seconds, as long as the broker is there. Raises as a broker or backend that is away."""
        self._chores.append(_Chore(every, do))

    def start(self) -> None:
        """Begin renewing."""
        self._ending.clear()
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Renew no more."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(self._every):
            try:
                with self.talking:
                    self._renew()
                    for chore in self._chores:
                        chore.look()
            except (BrokerUnavailable, BrokerFull, BackendUnavailable) as error:
                if not self._is_lost:
                    log.warning("cannot renew leases, the broker is away or full: %s", error)
                self._is_lost = True
                continue
            if self._is_lost:
                self._find()

    def _find(self) -> None:
        log.info("the broker is back")
        try:
            self._on_found()
            self._is_lost = False
        except StepFailed as error:
            log.warning("the broker is back, but %s; trying again", error)

    def _renew(self) -> None:
        ids = set(self.ids)
        ended = set(self._app.broker.renew(sorted(ids)))
        for lost in sorted(ended & self._renewed):  # a new consumer's lease may begin with its first fetch only
            log.warning(
                "the lease of %s had ended; what it held may run elsewhere, its late outcomes are refused", lost
            )
        self._renewed = ids - ended

    def _clean(self) -> None:
        if self._app.backend_url is not None:
            log.info("dropped %d outlived results", self._app.backend.cleanup())


class _Chore:
    """Something to be done now and then."""

    def __init__(self, every: float, do: Callable[[], object]) -> None:
        self._every, self._do = every, do
        self._done_at = time.monotonic()

    def look(self) -> None:
        """Do it, if it is time."""
        if time.monotonic() - self._done_at >= self._every:
            self._done_at = time.monotonic()
            self._do()
