"""The worker: builds its bootsteps, runs the pool on the main thread, answers OS signals.

TERM or INT: warm stop, what runs may finish, what has not begun goes back. A second one, or QUIT: quick stop,
what runs goes back too. Exit code 0 after a warm stop, 1 after a quick one or a failed start.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

from . import drivers
from .bootsteps import Blueprint
from .burial import bury
from .errors import ImproperlyConfigured, StepFailed
from .ids import uuid
from .keeper import Keeper
from .lane import SoloLane
from .pool import Fate, Lane, Pool, Stop, Tracker
from .steps import KERNEL_STEPS

if TYPE_CHECKING:
    from .app import KernelQ

log = logging.getLogger("kernelq.worker")


class Worker:
    """Consumes queues of an app and runs its tasks. What it offers to pools is `kernelq.contracts.PoolHost`.

    `concurrency` None or 0 takes the setting, then the number of CPUs. `queues` None takes the default queue.
    `hostname` knows ``%h`` (host), ``%n`` (its first part), ``%d`` (the rest). `loglevel` None leaves logging alone.
    """

    def __init__(
        self,
        app: KernelQ,
        *,
        concurrency: int | None = None,
        pool: str | None = None,
        queues: Sequence[str] | None = None,
        hostname: str | None = None,
        loglevel: str | int | None = None,
        logfile: str | None = None,
    ) -> None:
        self.app = app
        self.hostname = node_name(hostname or "kernelq@%h")
        self.pool_name: str = pool or app.conf.worker_pool
        self.concurrency = concurrency or app.conf.worker_concurrency or _cpus()
        if self.pool_name == "solo":
            self.concurrency = 1
        self.queues = tuple(queues or (app.conf.task_default_queue,))
        self.loglevel = loglevel
        self.logfile = logfile
        self.pool: Pool | None = None
        self.ready = threading.Event()
        self.exitcode = 0
        self.keeper = Keeper(app, app.conf.worker_lease, on_lost=self._on_lost, on_found=self._on_found)
        self._ready_lanes: set[int] = set()
        self._asked: queue.SimpleQueue[Stop | None] = queue.SimpleQueue()
        self._stopping = Stop.NOT
        self._blueprint: Blueprint | None = None

    @property
    def blueprint(self) -> Blueprint:
        """The worker's bootsteps: the kernel's, those of plugins (hook `bootsteps`) and of `app.steps`."""
        if self._blueprint is None:
            offers: list[Sequence[Any]] = self.app.plugins.hook.bootsteps(app=self.app)
            extra = [step for offer in offers for step in offer]
            extra += [step for kind in ("worker", "consumer") for step in self.app.steps[kind]]
            self._blueprint = Blueprint("worker", [*KERNEL_STEPS, *sorted(extra, key=lambda step: step.__qualname__)])
        return self._blueprint

    # --- life

    def run(self) -> int:
        """Start, consume until stopped, stop; return the exit code.

        Raises:
            StepFailed: a bootstep could not start; the ones before it are stopped.
        """
        if self.loglevel is not None:
            self.app.plugins.hook.setup_logging(
                app=self.app,
                loglevel=level_of(self.loglevel),
                logfile=self.logfile,
                format=self.app.conf.get("worker_log_format"),
                colorize=self.logfile is None and sys.stderr.isatty(),
            )
        plugins = self.app.plugins
        plugins.notify("worker_init", worker=self)
        listener = threading.Thread(target=self._listen, name="stop-listener", daemon=True)
        listener.start()
        restore = self._handle_signals()
        try:
            self.blueprint.start(self)
            assert self.pool is not None
            try:
                if not self._stopping:
                    self.pool.run()
            finally:
                self.blueprint.stop(self)
        except StepFailed:
            self.exitcode = 1
            raise
        finally:
            self._asked.put(None)
            listener.join()
            restore()
            plugins.notify("worker_shutdown", worker=self)
        return self.exitcode

    def stop(self, how: Stop = Stop.WARM) -> None:
        """Ask `run` to end; from any thread, and from OS signal handlers."""
        self._asked.put(how)

    def _listen(self) -> None:
        # Apart from the signal handler, which interrupts the main thread anywhere, inside locks too.
        while (how := self._asked.get()) is not None:
            if how <= self._stopping:
                continue
            self._stopping = how
            log.warning("%s stop", "warm" if how is Stop.WARM else "quick")
            if how is Stop.QUICK:
                self.exitcode = 1
            name = "Warm" if how is Stop.WARM else "Cold"
            self.app.plugins.notify("worker_shutting_down", worker=self, sig=how.name, how=name, exitcode=self.exitcode)
            if self.pool is not None:
                self.pool.stop(how)

    def _handle_signals(self) -> Callable[[], None]:
        """Install handlers; return what puts the old ones back. Nothing outside the main thread."""
        if threading.current_thread() is not threading.main_thread():
            return lambda: None
        asked = Stop.NOT

        def handle(number: int, frame: FrameType | None) -> None:
            nonlocal asked
            asked = Stop.QUICK if asked or number == signal.SIGQUIT else Stop.WARM
            self.stop(asked)
            if asked is Stop.QUICK and self.pool is not None:
                self.pool.abandon()

        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
        before = {number: signal.signal(number, handle) for number in numbers}
        faulthandler.register(signal.SIGUSR1, file=sys.__stderr__ or 2, all_threads=True)

        def restore() -> None:
            for number, handler in before.items():
                signal.signal(number, handler)
            faulthandler.unregister(signal.SIGUSR1)

        return restore

    def make_pool(self) -> Pool:
        """The pool of `pool_name`, from a plugin's hook or an entry point."""
        made: Pool | None = self.app.plugins.hook.make_pool(host=self, name=self.pool_name)
        driver = type(made) if made is not None else drivers.load("pool", self.pool_name, disabled=self.app._disabled)
        if (self.app.conf.task_time_limit or self.app.conf.task_soft_time_limit) and not driver.limits:
            raise ImproperlyConfigured(
                f"the pool {self.pool_name!r} cannot keep time limits; use prefork, or unset task_time_limit and task_soft_time_limit"
            )
        return made or driver(self)

    # --- what pools are given

    def lane(self, *, index: int = 0, consumer_id: str | None = None, tracker: Tracker | None = None) -> SoloLane:
        """A lane of this worker; see `PoolHost.lane`."""
        if consumer_id is None:
            consumer_id = self.new_consumer_id(index)
            self.keep(consumer_id)
        return SoloLane(
            self.app, hostname=self.hostname, queues=self.queues, consumer_id=consumer_id, tracker=tracker,
            on_ready=partial(self.is_ready, index),
        )  # fmt: skip

    def new_consumer_id(self, index: int) -> str:
        """A consumer id never used before."""
        return f"{self.hostname}/{index}/{uuid()}"

    def keep(self, consumer_id: str) -> None:
        """Renew this consumer's lease from now on."""
        self.keeper.keep(consumer_id)

    def drop(self, consumer_id: str) -> None:
        """Renew it no more."""
        self.keeper.drop(consumer_id)

    def bury(self, consumer_id: str, running: dict[str, Fate]) -> None:
        """Settle what a dead consumer held."""
        bury(self.app, self.hostname, consumer_id, running, own_id=self.new_consumer_id(-1))

    def hold_fork(self) -> AbstractContextManager[None]:
        """A block in which it is safe to fork."""
        return self.keeper.silence()

    def is_ready(self, index: int) -> None:
        """Slot `index` consumes; once all do, the worker is ready."""
        self._ready_lanes.add(index)
        if self.pool is not None and len(self._ready_lanes) >= self.pool.lanes and not self.ready.is_set():
            self.ready.set()
            log.info("%s ready", self.hostname)
            self.app.plugins.notify("worker_ready", worker=self)

    # --- the connection

    def _on_lost(self) -> None:
        log.warning("steps that need the broker are started again when it is back")

    def _on_found(self) -> None:
        from .bootsteps import BROKER

        self.blueprint.restart(BROKER, self)


def node_name(pattern: str) -> str:
    """A node's name: ``%h`` the host, ``%n`` its first part, ``%d`` its domain, ``%%`` a percent sign; ``@`` is added if missing."""
    host = socket.gethostname()
    name, _, domain = host.partition(".")
    if "@" not in pattern:
        pattern += "@%h"
    parts = {"%h": host, "%n": name, "%d": domain}
    return "%".join(_expand(piece, parts) for piece in pattern.split("%%"))


def _expand(text: str, parts: dict[str, str]) -> str:
    for mark, value in parts.items():
        text = text.replace(mark, value)
    return text


def level_of(name: str | int) -> int:
    """The number of a log level's name, in any case; raises `ImproperlyConfigured` for an unknown one."""
    if isinstance(name, int):
        return name
    levels = logging.getLevelNamesMapping()
    if name.upper() not in levels:
        raise ImproperlyConfigured(f"expected a log level, one of {', '.join(levels)}, got {name!r}")
    return levels[name.upper()]


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
