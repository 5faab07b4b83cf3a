"""The service: calls a scheduler again and again, until it is stopped; alone, or inside a worker."""

from __future__ import annotations

import logging
import threading
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from multiprocessing import get_context
from typing import Any

from kernelq import KernelQ

from .finding import scheduler_class
from .scheduler import Scheduler

log = logging.getLogger("kernelq.beat")

AGAIN_AFTER = 1.0
"""Seconds until a scheduler whose turn raised is called again."""


class Service:
    """Runs a scheduler. `max_interval` is the seconds it sleeps at most; other options are the scheduler's.

    `talking` is held during each turn: who forks meanwhile would take over a connection in the middle of a word.
    """

    scheduler_cls: Any = None

    def __init__(
        self,
        app: KernelQ,
        max_interval: float | None = None,
        schedule_filename: str | None = None,
        scheduler_cls: str | type[Scheduler] | None = None,
        *,
        store: str | None = None,
        talking: AbstractContextManager[Any] | None = None,
    ) -> None:
        self.app = app
        self._given: dict[str, Any] = {
            "max_interval": max_interval,
            "schedule_filename": schedule_filename,
            "store": store,
        }
        self.max_interval = max_interval or app.conf.beat_max_loop_interval
        self.schedule_filename = schedule_filename or app.conf.beat_schedule_filename
        self.scheduler_cls = scheduler_class(app, scheduler_cls or self.scheduler_cls)
        self._options: dict[str, Any] = {"store": store} if store else {}
        if schedule_filename and not store:
            self._options["schedule_filename"] = schedule_filename
        self._talking = talking or nullcontext()
        self._ending = threading.Event()
        self._ended = threading.Event()
        self._scheduler: Scheduler | None = None

    def __reduce__(self) -> Any:
        return partial(type(self), scheduler_cls=self.scheduler_cls, **self._given), (self.app,)

    def start(self, embedded_process: bool = False) -> None:
        """Schedule until `stop` is called from another thread or an OS signal's handler."""
        log.info("beat: starting")
        self.app.plugins.notify("beat_init", service=self)
        if embedded_process:
            self.app.plugins.notify("beat_embedded_init", service=self)
        try:
            self._announce()
            while not self._ending.is_set():
                wait = self._turn()
                if wait > 0:
                    self._ending.wait(wait)
        finally:
            if self._scheduler is not None:
                with self._talking:
                    self._scheduler.close()
            self._ended.set()
            log.info("beat: stopped")

    def _announce(self) -> None:
        log.debug("beat: %s wakes at least every %g s", type(self.scheduler).__name__, self.scheduler.max_interval)

    def _turn(self) -> float:
        try:
            with self._talking:
                wait = self.scheduler.tick()
        except Exception:  # of a scheduler of any making: a beat that ends sends nothing any more
            log.exception("a turn of the scheduler failed; it goes on")
            return AGAIN_AFTER
        return float(wait or 0)

    def sync(self) -> None:
        """Keep how far the entries have come."""
        self.scheduler.sync()

    def stop(self, wait: bool = False) -> None:
        """End `start`; with `wait` return when it has ended."""
        self._ending.set()
        if wait:
            self._ended.wait()

    def get_scheduler(self, lazy: bool = False, extension_namespace: str | None = None) -> Scheduler:
        """A new scheduler; with `lazy` one that is only shown."""
        # Schedulers of others know of a file, and not of stores; ours finds its own when it is told of neither.
        options = self._options if _is_ours(self.scheduler_cls) else {"schedule_filename": self.schedule_filename}
        made: Scheduler = self.scheduler_cls(app=self.app, max_interval=self.max_interval, lazy=lazy, **options)
        return made

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler, made on first use."""
        if self._scheduler is None:
            self._scheduler = self.get_scheduler()
        return self._scheduler


def _is_ours(cls: type[Any]) -> bool:
    from .persistent import PersistentScheduler

    return issubclass(cls, PersistentScheduler)


class EmbeddedThread(threading.Thread):
    """A service on a thread of this process."""

    def __init__(self, app: KernelQ, **kwargs: Any) -> None:
        super().__init__(name="beat", daemon=True)
        self.app = app
        self.service = Service(app, **kwargs)

    def run(self) -> None:
        """Schedule until stopped."""
        self.service.start(embedded_process=True)

    def stop(self) -> None:
        """End it, and wait for that."""
        self.service.stop()
        self.join()


class EmbeddedProcess(get_context("fork").Process):  # type: ignore[misc]  # a class made by its context
    """A service in a forked process of its own."""

    def __init__(self, app: KernelQ, **kwargs: Any) -> None:
        super().__init__(name="Beat", daemon=True)
        self.app = app
        self.service = Service(app, **kwargs)

    def run(self) -> None:
        """Schedule until terminated."""
        import signal

        signal.signal(signal.SIGTERM, lambda *_: self.service.stop())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.service.start(embedded_process=True)

    def stop(self) -> None:
        """End it, and wait for that."""
        self.terminate()
        self.join()


def EmbeddedService(app: KernelQ, max_interval: float | None = None, **kwargs: Any) -> EmbeddedThread | EmbeddedProcess:
    """A service inside this process, to be started and stopped: with `thread` a thread, else a process of its own."""
    if kwargs.pop("thread", False):
        return EmbeddedThread(app, max_interval=max_interval or 1, **kwargs)
    return EmbeddedProcess(app, max_interval=max_interval, **kwargs)
