"""The child: what a forked process does from the fork to its end."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Set
from queue import SimpleQueue
from types import FrameType
from typing import Final, NoReturn

from kernelq import SoftTimeLimitExceeded
from kernelq.pools import Lane, PoolHost, Stop

from .doorbell import Doorbell
from .lifeline import Lifeline
from .page import Farewell, Page
from .task_forks import give_signals_back_in_forks
from .tracker import PageTracker

log = logging.getLogger("kernelq.worker")

_INHERITED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Signals the worker handles: its handlers must not act in a child."""


class Child:
    """One lane in a process of its own. It consumes from the broker directly; the page says what it runs."""

    def __init__(
        self, host: PoolHost, index: int, consumer_id: str, *, page: Page, doorbell: Doorbell, lifeline: Lifeline
    ) -> None:
        self._host = host
        self._index = index
        self._consumer_id = consumer_id
        self._page = page
        self._doorbell = doorbell
        self._lifeline = lifeline
        self._lane: Lane | None = None
        self._why = Farewell.NONE
        self._told: SimpleQueue[Farewell] = SimpleQueue()  # from the signal handler to `_listen`
        self._warned = 0  # the last run that SoftTimeLimitExceeded was raised in

    def live(self, signal_mask: Set[int]) -> NoReturn:
        """Run the lane, then end the process: nothing of the supervisor's stack or `atexit` runs here.

        Called right after the fork with every signal blocked; `signal_mask` is what to go back to.
        """
        code = 1
        try:
            self._settle_in(signal_mask)
            code = self._work()
        except BaseException:  # nothing may pass into the supervisor's stack, which lies below
            log.exception("child %d (pid %d) failed", self._index, os.getpid())
        finally:
            _leave(code)

    # --- life

    def _settle_in(self, signal_mask: Set[int]) -> None:
        self._lifeline.hold()
        # A group of its own: what a task forks can be killed with it, and Ctrl-C in a terminal reaches the supervisor only.
        os.setpgid(0, 0)
        _close_stdin()
        multiprocessing.current_process().name = f"Worker-{self._index}"
        self._take_signals()
        signal.pthread_sigmask(signal.SIG_SETMASK, signal_mask)

    def _work(self) -> int:
        host, app = self._host, self._host.app
        app.plugins.notify("worker_process_init", app=app, hostname=host.hostname)
        tracker = PageTracker(
            self._page,
            self._doorbell,
            retire=self._retire,
            max_tasks=app.conf.worker_max_tasks_per_child,
            max_memory=app.conf.worker_max_memory_per_child,
        )
        self._lane = host.lane(
            index=self._index, consumer_id=self._consumer_id, tracker=tracker, on_ready=self._announce
        )
        threading.Thread(target=self._listen, name="stop-listener", daemon=True).start()
        self._lane.run()
        self._page.say_farewell(self._why)
        code = 0 if self._why else 1
        app.plugins.notify("worker_process_shutdown", app=app, hostname=host.hostname, pid=os.getpid(), exitcode=code)
        return code

    def _announce(self) -> None:
        self._page.set_ready()
        self._doorbell.ring()

    def _retire(self, why: Farewell) -> None:
        """Stop warm; the first reason counts. From any thread, but not from a signal handler."""
        self._why = self._why or why
        assert self._lane is not None
        self._lane.stop(Stop.WARM)

    def _listen(self) -> None:
        # Apart from the signal handler, which interrupts the main thread anywhere, inside locks of the lane too.
        while True:
            self._retire(self._told.get())
            log.info("told to stop: what runs is finished, nothing else begins")

    # --- signals

    def _take_signals(self) -> None:
        signal.set_wakeup_fd(-1)
        for number in _INHERITED:
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        # Not SIG_IGN, which programs started by a task would inherit.
        signal.signal(signal.SIGINT, lambda number, frame: None)
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGUSR1, self._on_soft_limit)
        give_signals_back_in_forks()

    def _on_terminate(self, number: int, frame: FrameType | None) -> None:
        self._told.put(Farewell.STOPPED)

    def _on_soft_limit(self, number: int, frame: FrameType | None) -> None:
        """Raise in the task the supervisor meant; it may be over by the time the signal comes."""
        run = self._page.run()
        if run is not None and run.number == self._page.target != self._warned:
            self._warned = run.number
            raise SoftTimeLimitExceeded(run.soft)


def flush_streams() -> None:
    """Write out what waits in the standard streams' buffers; one that is closed or broken is passed over."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass  # None in a process without a terminal, closed, or nobody reads it


def _close_stdin() -> None:
    # A background process group that reads from the terminal is stopped by it.
    null = os.open(os.devnull, os.O_RDONLY)
    if null != 0:
        os.dup2(null, 0)
        os.close(null)


def _leave(code: int) -> NoReturn:
    try:
        logging.shutdown()
        flush_streams()
    finally:
        os._exit(code)
