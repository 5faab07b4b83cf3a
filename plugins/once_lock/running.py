"""Renewal: claims of tasks that run here and have no message in the broker, or none that could be asked for."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import msgspec
from kernelq.contracts import BackendError

from .contract import Claim, Keep
from .store import lock_store

if TYPE_CHECKING:
    from kernelq import KernelQ, Task
    from kernelq.contracts import Message

    from .mark import Mark

log = logging.getLogger("kernelq.once")


class Renewal:
    """Keeps claims of running tasks, every third of a lease, on a thread of its own."""

    def __init__(self, app: KernelQ) -> None:
        self._app = app
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._claims: dict[str, Claim] = {}  # by token
        _everywhere.add(self)

    def see_to(self, task: Task[..., Any], message: Message, mark: Mark) -> None:
        """Keep the claim of a task that begins to run, unless it is kept by a message that the broker still has.

        Such a one will be run again after a crash, and is to find its key.
        """
        app, is_early = self._app, not task.option("acks_late")
        if is_early or not app.broker.capabilities.inventory:
            ttl: float = app.conf.worker_lease if is_early else max(mark.timeout, app.conf.worker_lease)
            self.begin(Claim(key=mark.key, token=message.id, task=message.task, ttl=ttl))

    def begin(self, claim: Claim) -> None:
        """Keep this claim from now on, `ttl` seconds at a time, unless another task has the key by now. Raises `BackendError`."""
        [holder] = lock_store(self._app).claim([msgspec.structs.replace(claim, queue="")])
        if holder is not None:
            log.warning("task %s[%s] runs although %s is held by %s", claim.task, claim.token, claim.key, holder.token)
            return
        with self._guard:
            self._claims[claim.token] = claim
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="claim-keeper", daemon=True)
                self._thread.start()

    def end(self, token: str) -> None:
        """Keep it no more."""
        with self._guard:
            self._claims.pop(token, None)

    def _run(self) -> None:
        rest = threading.Event()
        while not rest.wait(self._app.conf.worker_lease / 3):
            with self._guard:  # all the time, so that nothing is renewed after its `end`
                if not self._claims:
                    self._thread = None
                    return
                self._renew()

    def _renew(self) -> None:
        try:
            lock_store(self._app).apply([Keep(claim.key, claim.token, claim.ttl) for claim in self._claims.values()])
        except BackendError as error:
            log.warning("cannot renew %d claims: %s", len(self._claims), error)

    def forget(self) -> None:
        """Keep nothing: in a fork, which has none of its parent's threads, nor runs its tasks."""
        self._guard, self._thread, self._claims = threading.Lock(), None, {}


_everywhere: WeakSet[Renewal] = WeakSet()


def _after_fork() -> None:
    for renewal in _everywhere:
        renewal.forget()


os.register_at_fork(after_in_child=_after_fork)
