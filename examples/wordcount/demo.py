"""The whole run: a worker with two processes, the count, the check; nothing is left behind.

    scripts/demo [FOLDER] [--broker URL]

The app in `tasks` is the same on every engine; here its URLs are given to it and to the worker by the environment.

Kill whatever you like while it runs: children of the worker, the worker, all of it at once. A worker that is gone is
said to be gone and replaced, and the counts come out right.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from importlib.metadata import entry_points
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from kernelq import KernelQError
from kernelq.contracts import mask

from .run import console, count
from .tasks import app

PROCESSES = 2

STOP_TIMEOUT = 10.0
"""Seconds the worker gets to stop by itself."""

SHORT_LIFE = 2.0
"""Seconds; a worker that ends sooner by itself has not been able to start."""


class StopSignals:
    """Notes Ctrl-C and its like, which may come inside a transaction, until `check` is called."""

    def __init__(self) -> None:
        self._number = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def check(self) -> None:
        """Leave the program if a signal came."""
        if self._number:
            console.print("stopped")
            sys.exit(128 + self._number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._number = number


class WorkerProcess:
    """A worker run by the command line, its log in `folder`; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "worker.log"
        self._started_at = 0.0
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The process id of the worker's supervisor."""
        return self._process.pid

    def look_after(self) -> None:
        """Start a new worker when this one has ended; give up on one that cannot even start."""
        code = self._process.poll()
        if code is None:
            return
        if code > 0 and time.monotonic() - self._started_at < SHORT_LIFE:
            sys.exit(f"the worker cannot start:\n{self.log.read_text()}")
        end = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        self._process = self._start()
        console.print(f"[yellow]the worker was {end}; started another, process {self.pid}[/]")

    def troubles(self) -> list[str]:
        """The lines of its log that are warnings or errors."""
        return [line for line in self.log.read_text().splitlines() if ": WARNING/" in line or ": ERROR/" in line]

    def _start(self) -> subprocess.Popen[bytes]:
        self._started_at = time.monotonic()
        command = [sys.executable, "-m", "kernelq", "-A", "wordcount.tasks", "worker", "-l", "INFO"]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*command, "-c", str(PROCESSES), "-Q", app.conf.task_default_queue], stdout=log, stderr=log
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def run(folder: Path) -> bool:
    """Count in a temporary folder, which holds the queue unless another broker was given."""
    signals = StopSignals()
    with tempfile.TemporaryDirectory(prefix="kernelq-demo-") as place:
        os.chdir(place)  # the embedded engine keeps its file in the working directory
        try:
            with app:
                app.broker.examine()  # a server that is not there is said at once, and not waited for
            with app, WorkerProcess(Path(place)) as worker:
                console.print(f"worker: {PROCESSES} processes, supervised by process {worker.pid}; kill any of them")
                console.print(f"queue and log: {place}")

                def between() -> None:
                    signals.check()
                    worker.look_after()

                is_right = count(folder, between)
                _print_log(worker.troubles())
                return is_right
        finally:
            os.chdir("/")


def use(broker: str) -> None:
    """Let this process and the worker it starts use another engine than the embedded one.

    Results are kept there too, if it can keep any; else workers send them to the process that asks, by ``rpc://``.
    """
    scheme = broker.partition("://")[0].partition("+")[0]
    keeps_results = scheme in entry_points(group="kernelq.backends").names
    os.environ.update(KERNELQ_BROKER_URL=broker, KERNELQ_RESULT_BACKEND=broker if keeps_results else "rpc://")


def _print_log(lines: list[str]) -> None:
    if lines:
        console.print("what the workers logged of it:")
    for line in lines:
        console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)


def main() -> int:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description="Count words through a durable queue.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(sysconfig.get_path("stdlib")), metavar="FOLDER")
    parser.add_argument("--broker", metavar="URL", help="the queue is there, not in a temporary file")
    given = parser.parse_args()
    if not given.folder.is_dir():
        parser.error(f"expected a folder, got {str(given.folder)!r}")
    if given.broker:
        use(given.broker)
    try:
        return 0 if run(given.folder.resolve()) else 1
    except KernelQError as error:
        sys.exit(f"{error}\nkernelq doctor {mask(given.broker or app.broker_url)} says more")


if __name__ == "__main__":
    sys.exit(main())
