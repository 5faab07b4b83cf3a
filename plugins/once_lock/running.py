"""Renewal: claims of tasks that run here and have no message in the broker, or none that could be asked for."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

from kernelq.contracts import BackendError

from .contract import Keep
from .store import lock_store

if TYPE_CHECKING:
    from kernelq import KernelQ

log = logging.getLogger("kernelq.once")


class Renewal:
    """Keeps claims of running tasks for a lease at a time, every third of it, on a thread of its own."""

    def __init__(self, app: KernelQ) -> None:
        self._app = app
        self._keys: dict[str, str] = {}  # by token
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()
        os.register_at_fork(after_in_child=self._begin_anew)

    def begin(self, key: str, token: str) -> None:
        """Keep this claim from now on. Raises `BackendError`."""
        lock_store(self._app).apply([Keep(key, token, self._lease)])
        with self._guard:
            self._keys[token] = key
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="claim-keeper", daemon=True)
                self._thread.start()

    def end(self, token: str) -> None:
        """Keep it no more."""
        with self._guard:
            self._keys.pop(token, None)

    @property
    def _lease(self) -> float:
        lease: float = self._app.conf.worker_lease
        return lease

    def _run(self) -> None:
        rest = threading.Event()
        while not rest.wait(self._lease / 3):
            with self._guard:
                kept = dict(self._keys)
                if not kept:
                    self._thread = None
                    return
            try:
                lock_store(self._app).apply([Keep(key, token, self._lease) for token, key in kept.items()])
            except BackendError as error:
                log.warning("cannot renew %d claims: %s", len(kept), error)

    def _begin_anew(self) -> None:
        self._guard, self._thread, self._keys = threading.Lock(), None, {}
