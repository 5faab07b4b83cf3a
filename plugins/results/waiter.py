"""The waiter: one thread of a process that watches, for everybody who does not want to block, all results together.

What is to be watched is fixed when a watch begins. When more is wanted, the waiter must be woken from its waiting; it
watches a bell beside the results for that, an id of its own under which anything is stored.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, TypeAlias

from kernelq import uuid
from kernelq.contracts import Backend, BackendUnavailable, Outcome, StashKey, intervals

from .waiting import LONGEST_WAIT, pauses

if TYPE_CHECKING:
    from kernelq import KernelQ

log = logging.getLogger("kernelq.results")

LINGER = 5.0
"""Seconds a waiter with nothing to watch stays for the next who wants something."""

BELL = "BELL"
"""The state stored under the bell."""

BELL_TTL = 60.0
"""Seconds it is kept; it has rung long before."""

Listener: TypeAlias = Callable[["Outcome | Exception"], bool]
"""Called on the waiter's thread with each final outcome, or with what keeps it from watching: whether to go on listening."""


class Waiter:
    """Watches for listeners, with `backend` or else the app's; from any thread, none of its methods blocks."""

    def __init__(self, app: KernelQ, backend: Backend | None = None) -> None:
        self._app = app
        self._given = backend
        self._bell = f"bell-{uuid()}"
        self._lock = threading.Condition()
        # All below is under the lock.
        self._listeners: dict[str, list[Listener]] = {}  # by task id
        self._has_news = False  # more is wanted, or nothing any more, than is being watched
        self._is_watching = False
        self._is_ringing = False
        self._is_closing = False
        self._rung = 0
        self._thread: threading.Thread | None = None
        self._ringer: threading.Thread | None = None

    def listen(self, ids: Collection[str], listener: Listener) -> None:
        """Call `listener` with the final outcome of each of these tasks, with those that are there already too."""
        with self._lock:
            for id in ids:
                self._listeners.setdefault(id, []).append(listener)
            self._tell()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="kernelq-results", daemon=True)
                self._thread.start()

    def leave(self, ids: Collection[str], listener: Listener) -> None:
        """Call it no more."""
        with self._lock:
            for id in ids:
                self._drop(id, listener)
            if not self._listeners:
                self._tell()

    def close(self, timeout: float = 5.0) -> None:
        """End the waiting of all, which is told to them, and with it the use of the backend; who listens later begins anew.

        The one that blocks: until the threads have ended, at most `timeout` seconds.
        """
        self._deliver_error(BackendUnavailable("the app was closed while its results were waited for"))
        with self._lock:
            self._listeners.clear()
            self._is_closing = True
            self._tell()
            threads = [self._ringer, self._thread]
        for thread in threads:
            if thread is not None and thread is not threading.current_thread():
                thread.join(timeout)
        with self._lock:
            self._is_closing = False

    def _tell(self) -> None:
        """Let the thread look at what is wanted now."""
        self._has_news = True
        self._lock.notify_all()
        if self._is_watching and not self._is_ringing:
            self._is_ringing = True
            self._ringer = threading.Thread(target=self._ring, name="kernelq-results-bell", daemon=True)
            self._ringer.start()

    def _drop(self, id: str, listener: Listener) -> None:
        rest = [each for each in self._listeners.pop(id, ()) if each is not listener]
        if rest:
            self._listeners[id] = rest

    @property
    def _backend(self) -> Backend:
        """Never asked for by who must not block: the app's may be made only now."""
        return self._app.backend if self._given is None else self._given

    # --- on the bell's thread

    def _ring(self) -> None:
        with self._lock:
            if not (self._is_watching and self._has_news):
                self._is_ringing = False
                return  # it has woken by itself
            self._rung += 1
            rung = self._rung
        try:
            backend = self._backend
            outcome = Outcome(id=self._bell, state=BELL, fence=rung, ttl=BELL_TTL, reply_to=backend.reply_to)
            backend.apply([outcome])
        except Exception as error:  # noqa: BLE001  (a watch on a backend that is away ends by itself, with the same error)
            log.debug("the bell of the waiter cannot be rung: %s", error)
            with self._lock:
                self._is_ringing = False

    # --- on the waiter's thread

    def _run(self) -> None:
        tries, waits = pauses(self._app), intervals(0.1, 0.5, 5.0)
        while ids := self._wanted():
            try:
                self._watch(ids)
                tries, waits = pauses(self._app), intervals(0.1, 0.5, 5.0)
            except BackendUnavailable as error:
                pause = next(tries, None)
                if pause is None:
                    self._deliver_error(error)
                    pause = next(waits)
                time.sleep(pause)
            except Exception as error:  # noqa: BLE001  (whatever it is, those who wait must hear of it)
                self._deliver_error(error)
            finally:
                with self._lock:
                    self._is_watching = False

    def _wanted(self) -> list[str]:
        """What is to be watched; when nothing has been for a while, nothing, and the thread ends."""
        with self._lock:
            if not self._listeners:
                self._lock.wait_for(lambda: bool(self._listeners) or self._is_closing, LINGER)
            if not self._listeners:
                self._thread = None
                return []
            self._has_news, self._is_ringing, self._is_watching = False, False, True
            return [self._bell, *self._listeners]

    def _watch(self, ids: list[str]) -> None:
        with self._backend.watch(ids) as watch:
            while self._is_current():
                for outcome in watch.changes(LONGEST_WAIT):
                    if outcome.is_ready:
                        self._deliver(outcome)

    def _is_current(self) -> bool:
        with self._lock:
            return bool(self._listeners) and not self._has_news

    def _deliver(self, outcome: Outcome) -> None:
        with self._lock:
            listeners = self._listeners.pop(outcome.id, [])
        for listener in listeners:
            if _call(listener, outcome):
                with self._lock:
                    self._listeners.setdefault(outcome.id, []).append(listener)

    def _deliver_error(self, error: Exception) -> None:
        task_id = getattr(error, "task_id", None)  # set when the outcome of one task cannot be read
        with self._lock:
            ids = [task_id] if task_id in self._listeners else list(self._listeners)
            listeners = {id(each): each for task_id in ids for each in self._listeners[task_id]}
        gone = [each for each in listeners.values() if not _call(each, error)]
        with self._lock:
            for task_id in ids:
                for listener in gone:
                    self._drop(task_id, listener)


def _call(listener: Listener, news: Outcome | Exception) -> bool:
    try:
        return listener(news)
    except Exception:  # one listener's error must not keep the others waiting
        log.exception("a listener of results failed")
        return False


_WAITERS: StashKey[dict[tuple[int, int], Waiter]] = StashKey()
"""By process, for a forked child has no threads, and by the backend given."""


def waiter_of(app: KernelQ, backend: Backend | None = None) -> Waiter:
    """The waiter of this process for a backend, by default the app's."""
    waiters, key = app.stash.setdefault(_WAITERS, {}), (os.getpid(), id(backend))
    return waiters.get(key) or waiters.setdefault(key, Waiter(app, backend))


def close_waiters(app: KernelQ) -> None:
    """End all waiting of this process for an app's results; to be called before its connections are closed."""
    for (process, _), waiter in list(app.stash.get(_WAITERS, {}).items()):
        if process == os.getpid():
            waiter.close()
