"""`Beat`: a scheduler as a program: its banner, its PID file, and the OS signals that end it."""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from kernelq import KernelQ, __version__
from kernelq.contracts import ImproperlyConfigured, mask

from .service import Service

log = logging.getLogger("kernelq.beat")


class Beat:
    """Runs the schedule of an app until TERM or Ctrl-C. `scheduler` (or `scheduler_cls`) and `store` are as in `Service`; `loglevel` is a number or a name."""

    def __init__(
        self,
        app: KernelQ,
        *,
        schedule: str | None = None,
        scheduler: Any = None,
        scheduler_cls: Any = None,
        store: str | None = None,
        max_interval: float | None = None,
        loglevel: int | str | None = None,
        logfile: str | None = None,
        pidfile: str | None = None,
        quiet: bool = False,
        **_: Any,
    ) -> None:
        self.app = app
        self.loglevel = level(loglevel) if isinstance(loglevel, str) else loglevel
        self.logfile, self.pidfile, self.quiet = logfile, pidfile, quiet
        self._options: dict[str, Any] = {"max_interval": max_interval, "schedule_filename": schedule}
        self._options |= {"scheduler_cls": scheduler or scheduler_cls, "store": store}

    def run(self) -> None:
        """Schedule; returns when told to stop."""
        app = self.app
        if self.loglevel is not None:
            app.plugins.hook.setup_logging(
                app=app,
                loglevel=self.loglevel,
                logfile=self.logfile,
                format=app.conf.worker_log_format if "worker_log_format" in app.conf else None,
                colorize=self.logfile is None and sys.stderr.isatty(),
            )
        app.import_modules()
        app.finalize()
        service = Service(app, **self._options)
        if not self.quiet:
            print(self.banner(service), flush=True)
        with _PidFile(self.pidfile):
            self._until_told(service)

    def _until_told(self, service: Service) -> None:
        # Apart from the handler, which interrupts the main thread anywhere, inside the locks of the service too.
        told: queue.SimpleQueue[None] = queue.SimpleQueue()

        def listen() -> None:
            told.get()
            service.stop()

        def end(number: int, frame: FrameType | None) -> None:
            told.put(None)

        threading.Thread(target=listen, name="stop-listener", daemon=True).start()
        before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            service.start()
        finally:
            told.put(None)
            for number, handler in before.items():
                signal.signal(number, handler)

    def banner(self, service: Service) -> str:
        """What it says of itself when it starts."""
        scheduler = service.get_scheduler(lazy=True)
        rows = [
            f"kernelq beat {__version__} is starting.",
            "LocalTime -> " + time.strftime("%Y-%m-%d %H:%M:%S"),
            "Configuration ->",
            f"    . broker -> {mask(self.app.broker_url)}",
            f"    . scheduler -> {type(scheduler).__module__}.{type(scheduler).__qualname__}",
            *([scheduler.info] if scheduler.info else []),
            f"    . logfile -> {self.logfile or '[stderr]'}@%{logging.getLevelName(self.loglevel or logging.WARNING)}",
            f"    . maxinterval -> {scheduler.max_interval:g} s",
        ]
        return "\n".join(rows)


def level(name: str) -> int:
    """The number of a log level; raises `ImproperlyConfigured`."""
    levels = logging.getLevelNamesMapping()
    if name.upper() not in levels:
        raise ImproperlyConfigured(f"expected a log level, one of {', '.join(levels)}, got {name!r}")
    return levels[name.upper()]


class _PidFile:
    """A file with the id of this process, as long as it runs; None: none."""

    def __init__(self, path: str | None) -> None:
        self._path = None if path is None else Path(path)

    def __enter__(self) -> None:
        if self._path is None:
            return
        other = _living(self._path)
        if other is not None:
            raise ImproperlyConfigured(f"the PID file {str(self._path)!r} says that a beat runs already, as {other}")
        try:
            self._path.unlink(missing_ok=True)  # of a process that is gone
            with self._path.open("x") as file:
                file.write(f"{os.getpid()}\n")
        except FileExistsError:
            raise ImproperlyConfigured(f"the PID file {str(self._path)!r}: another beat begins just now") from None
        except OSError as error:
            raise ImproperlyConfigured(f"cannot write the PID file {str(self._path)!r}: {error.strerror}") from error

    def __exit__(self, *_: object) -> None:
        if self._path is not None and _read(self._path) == os.getpid():
            self._path.unlink(missing_ok=True)


def _read(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _living(path: Path) -> int | None:
    """The living process that a PID file names."""
    pid = _read(path)
    if pid is None or pid == os.getpid():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return pid
