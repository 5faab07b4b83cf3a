"""The worker: builds its bootsteps, runs the pool on the main thread, answers OS signals.

TERM or INT: warm stop, what runs may finish, what has not begun goes back. A second one, or QUIT: quick stop, what
runs goes back too. Exit code 0 after a warm stop, 1 after a quick one or a failed start. USR1 prints every thread's
stack.
"""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import queue
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from types import FrameType
from typing import Any

from kernelq import Blueprint, KernelQ, uuid
from kernelq.contracts import BROKER, ImproperlyConfigured, load_driver
from kernelq.errors import DriverNotFound

from .keeper import Keeper
from .lane import SoloLane
from .needs import check_needs
from .pools import Pool, Stop, Tracker
from .steps import WORKER_STEPS

log = logging.getLogger("kernelq.worker")

COLLECT_AFTER = 200_000
"""Objects more than before, after which the collector looks while a worker starts; KernelQ's own are a quarter of that."""


class Worker:
    """Consumes queues of an app and runs its tasks. What it offers to pools is `kernelq.pools.PoolHost`.

    `concurrency` None or 0 takes the setting, then what the pool has by itself, mostly the number of CPUs. `queues` None
    takes those of the settings; `exclude_queues` are left out. `hostname` knows ``%h`` (host), ``%n`` (its first part),
    ``%d`` (the rest). `loglevel` None leaves logging alone.
    """

    def __init__(
        self,
        app: KernelQ,
        *,
        concurrency: int | None = None,
        pool: str | None = None,
        queues: Sequence[str] | None = None,
        exclude_queues: Sequence[str] | None = None,
        hostname: str | None = None,
        loglevel: str | int | None = None,
        logfile: str | None = None,
    ) -> None:
        self.app = app
        self.hostname = node_name(hostname or "kernelq@%h")
        self.pool_name: str = pool or app.conf.worker_pool
        self.concurrency = (
            1 if self.pool_name == "solo" else concurrency or app.conf.worker_concurrency or self._usual()
        )
        self.queues = self._choose_queues(queues or (), exclude_queues or ())
        self.loglevel = None if loglevel is None else level_of(loglevel)
        self.logfile = logfile
        self.pool: Pool | None = None
        self.ready = threading.Event()
        self.exitcode = 0
        self.stopping = Stop.NOT
        self._sig = "SIGTERM"  # the OS signal that asked for the stop; this one stands for `stop`
        self.keeper = Keeper(app, app.conf.worker_lease, on_found=self._on_found)
        self._ready_lanes: set[int] = set()
        self._asked: queue.SimpleQueue[Stop | None] = queue.SimpleQueue()
        offers: list[Sequence[Any]] = app.plugins.hook.bootsteps(app=app)
        extra = {step for offer in (*offers, *app.steps.values()) for step in offer}
        self.blueprint = Blueprint("worker", [*WORKER_STEPS, *sorted(extra, key=lambda step: step.__qualname__)])

    def _usual(self) -> int:
        """How many slots the pool has when nobody says."""
        try:
            usual = load_driver("pool", self.pool_name, disabled=self.app.disabled).default_concurrency
        except (AttributeError, DriverNotFound):
            usual = None  # a plugin's hook may bring it, or else `make_pool` says what is wrong
        return usual or _cpus()

    def _choose_queues(self, only: Sequence[str], without: Sequence[str]) -> tuple[str, ...]:
        chosen: Sequence[str] | None = self.app.plugins.hook.consumed_queues(
            app=self.app, hostname=self.hostname, only=only, without=without
        )
        if chosen is None:
            default = self.app.conf.task_default_queue
            unknown = [name for name in without if name not in (only or (default,))]
            if unknown:
                raise ImproperlyConfigured(
                    f"no queue {unknown[0]!r} to leave out (consumed: {', '.join(only or (default,))})"
                )
            chosen = [name for name in only or (default,) if name not in without]
        if not chosen:
            raise ImproperlyConfigured("no queue is left to consume; see -Q, -X and task_queues")
        return tuple(dict.fromkeys(chosen))

    # --- life

    def run(self) -> int:
        """Start, consume until stopped, stop; return the exit code.

        Raises:
            StepFailed: a bootstep could not start; the ones before it are stopped.
        """
        self.app.plugins.notify("worker_init", worker=self)
        self._set_up_logging()
        listener = threading.Thread(target=self._listen, name="stop-listener", daemon=True)
        listener.start()
        restore_signals = self._handle_signals()
        try:
            with _few_collections():
                self.blueprint.start(self)
            if self.pool is not None and not self.stopping:
                self.pool.run()
        finally:
            self.blueprint.stop(self)
            self._asked.put(None)
            listener.join()
            restore_signals()
            self.app.plugins.notify("worker_shutdown", worker=self)
        return self.exitcode

    def stop(self, how: Stop = Stop.WARM) -> None:
        """Ask `run` to end; from any thread, and from OS signal handlers."""
        self._asked.put(how)

    def _listen(self) -> None:
        # Apart from the signal handler, which interrupts the main thread anywhere, inside locks too.
        while (how := self._asked.get()) is not None:
            if how <= self.stopping:
                continue
            self.stopping = how
            self.exitcode = 1 if how is Stop.QUICK else 0
            log.warning("%s stop", how.name.lower())
            said = {"sig": self._sig, "how": "Warm" if how is Stop.WARM else "Cold", "exitcode": self.exitcode}
            self.app.plugins.notify("worker_shutting_down", worker=self, **said)
            if self.pool is not None:
                self.pool.stop(how)

    def _handle_signals(self) -> Callable[[], None]:
        """Install handlers; return what puts the old ones back. Nothing outside the main thread."""
        if threading.current_thread() is not threading.main_thread():
            return lambda: None
        asked = Stop.NOT

        def handle(number: int, frame: FrameType | None) -> None:
            nonlocal asked
            self._sig = signal.Signals(number).name
            asked = Stop.QUICK if asked or number == signal.SIGQUIT else Stop.WARM
            self.stop(asked)
            if asked is Stop.QUICK and self.pool is not None:
                self.pool.abandon()

        before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)}
        faulthandler.register(signal.SIGUSR1, file=sys.__stderr__ or 2, all_threads=True)

        def restore() -> None:
            faulthandler.unregister(signal.SIGUSR1)
            for number, handler in before.items():
                signal.signal(number, handler)

        return restore

    def _set_up_logging(self) -> None:
        if self.loglevel is not None:
            self.app.plugins.hook.setup_logging(
                app=self.app,
                loglevel=self.loglevel,
                logfile=self.logfile,
                format=self.app.conf.worker_log_format if "worker_log_format" in self.app.conf else None,
                colorize=self.logfile is None and sys.stderr.isatty(),
            )

    def make_pool(self) -> Pool:
        """The pool of `pool_name`, from a plugin's hook or an entry point."""
        made: Pool | None = self.app.plugins.hook.make_pool(host=self, name=self.pool_name)
        made = made or load_driver("pool", self.pool_name, disabled=self.app.disabled)(self)
        assert made is not None
        check_needs(self.app, self.pool_name, made)
        return made

    # --- what pools are given

    def lane(
        self,
        *,
        index: int = 0,
        consumer_id: str | None = None,
        tracker: Tracker | None = None,
        on_ready: Callable[[], None] | None = None,
    ) -> SoloLane:
        """A lane of this worker; see `PoolHost.lane`."""
        if consumer_id is None:
            consumer_id = self.new_consumer_id(index)
            self.keep(consumer_id)
        ready = on_ready or partial(self.is_ready, index)
        return SoloLane(self.app, self.hostname, self.queues, consumer_id, tracker=tracker, on_ready=ready)

    def new_consumer_id(self, index: int) -> str:
        """A consumer id never used before."""
        return f"{self.hostname}/{index}/{uuid()}"

    def keep(self, consumer_id: str) -> None:
        """Renew this consumer's lease from now on."""
        self.keeper.ids.add(consumer_id)

    def drop(self, consumer_id: str) -> None:
        """Renew it no more."""
        self.keeper.ids.discard(consumer_id)

    def hold_fork(self) -> AbstractContextManager[Any]:
        """A block in which it is safe to fork."""
        return self.keeper.talking

    def is_ready(self, index: int) -> None:
        """Slot `index` consumes; once all do, the worker is ready."""
        self._ready_lanes.add(index)
        if self.pool is not None and len(self._ready_lanes) >= self.pool.lanes and not self.ready.is_set():
            self.ready.set()
            log.info("%s ready", self.hostname)
            self.app.plugins.notify("worker_ready", worker=self)

    def _on_found(self) -> None:
        """The broker was away and is back: start again what lives with its connection."""
        self.blueprint.restart(BROKER, self)


@contextmanager
def _few_collections() -> Iterator[None]:
    """A block that imports much: hardly any of that is garbage, and looking for it takes a tenth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        if gc.get_threshold()[0] == COLLECT_AFTER:  # else a module of the user's knows better
            if not gc.get_freeze_count():
                gc.freeze()  # there and back: all there is counts as old, without a look at each object
                gc.unfreeze()
            gc.set_threshold(*before)


def node_name(pattern: str) -> str:
    """A node's name: ``%h`` the host, ``%n`` its first part, ``%d`` its domain, ``%%`` a percent sign."""
    host = socket.gethostname()
    parts = {"%h": host, "%n": host.partition(".")[0], "%d": host.partition(".")[2], "%%": "%"}
    text = pattern if "@" in pattern else pattern + "@%h"
    return re.sub("%.", lambda found: parts.get(found[0], found[0]), text)


def level_of(name: str | int) -> int:
    """The number of a log level's name, in any case; raises `ImproperlyConfigured` for an unknown one."""
    levels = logging.getLevelNamesMapping()
    found = name if isinstance(name, int) else levels.get(name.upper())
    if found is None:
        raise ImproperlyConfigured(f"expected a log level, one of {', '.join(levels)}, got {name!r}")
    return found


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
