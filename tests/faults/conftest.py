"""Real workers as processes, to be killed: each test has a folder with its own queue, and every process ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from kernelq import KernelQ
from kernelq.contracts import QueueStats

HERE = Path(__file__).parent

PATIENCE = 30.0
"""Seconds a test waits for what must come."""


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait for `condition` to be true; return what it gave."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE:g} s in vain: {what}"
        time.sleep(0.005)
    return found


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a task; instants in ns of the monotonic clock, `ended` None when it never came to its end."""

    pid: int
    started: int
    ended: int | None


class WorkerProcess:
    """``kernelq worker`` as a process, with a log of its own."""

    def __init__(self, name: str, folder: Path, module: str, concurrency: int, settings: dict[str, Any]) -> None:
        self.deaths: dict[int, int] = {}
        """Process → when it was about to be killed, ns of the monotonic clock."""
        self._log = folder / f"{name}.log"
        self._known: set[psutil.Process] = set()
        environment = os.environ | {"PYTHONPATH": str(HERE), "FAULTS_RUNS": str(folder / "runs")}
        environment |= {f"KERNELQ_{setting.upper()}": str(value) for setting, value in settings.items()}
        command = ["-m", "kernelq", "-A", module, "worker", "-l", "INFO", "-q", "-c", str(concurrency), "-n", name]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command], cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self.hears(" ready")
        self.children()

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._log.read_text()

    def hears(self, text: str) -> None:
        """Wait until `text` is in the log."""
        until(lambda: text in self.log or self._process.poll() is not None, f"{text!r} in the log:\n{self.log}")
        assert text in self.log, f"the worker ended before it said {text!r}:\n{self.log}"

    def children(self) -> list[psutil.Process]:
        """Its children now."""
        try:
            found = psutil.Process(self._process.pid).children()
        except psutil.NoSuchProcess:
            found = []
        self._known.update(found)
        return found

    def some_children(self) -> list[psutil.Process]:
        """Its children, as soon as there is one: those just killed are first to be replaced."""
        found: list[psutil.Process] = until(self.children, f"a child:\n{self.log}")
        return found

    def kill_child(self, pid: int) -> None:
        """Kill one child."""
        self._kill(pid)

    def kill_supervisor(self) -> None:
        """Kill the supervisor alone, which is to be the end of its children too."""
        children = self._frozen_children()
        self._kill(self._process.pid)
        self.deaths |= dict.fromkeys((child.pid for child in children), self.deaths[self._process.pid])

    def kill_all(self) -> None:
        """Kill every process of it, the children first."""
        for child in self._frozen_children():
            self._kill(child.pid)
        self._kill(self._process.pid)

    def _frozen_children(self) -> list[psutil.Process]:
        # A supervisor that goes on would fork another child between the look and the kill.
        supervisor = psutil.Process(self._process.pid)
        supervisor.suspend()
        until(lambda: supervisor.status() == psutil.STATUS_STOPPED, "the supervisor to stop")
        return self.children()

    def _kill(self, pid: int) -> None:
        self.deaths[pid] = time.monotonic_ns()
        _send(pid, signal.SIGKILL)

    def send(self, number: int) -> None:
        """Send a signal to the supervisor."""
        self._process.send_signal(number)

    def send_all(self, number: int) -> None:
        """Send a signal to the supervisor and its children."""
        for pid in (self._process.pid, *(child.pid for child in self.children())):
            _send(pid, number)

    def outlives(self, condition: Callable[[], Any]) -> bool:
        """Wait for `condition` or for the end of this worker; whether it still lives."""
        until(lambda: self._process.poll() is not None or condition(), f"the worker's end:\n{self.log}")
        return self._process.poll() is None

    def exit_code(self) -> int:
        """Wait for its end; negative: the signal that ended it."""
        return self._process.wait(PATIENCE)

    def until_no_child_lives(self) -> None:
        """Wait for the end of every child that was ever seen."""
        until(lambda: not self._living(), "the end of the children")

    def close(self) -> None:
        """Leave nothing running."""
        self.children()
        self._process.kill()
        self._process.wait(PATIENCE)
        for child in self._living():
            _send(child.pid, signal.SIGKILL)

    def _living(self) -> list[psutil.Process]:
        # Whoever adopts the children of a killed supervisor may take its time to reap them.
        return [child for child in self._known if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


class Yard:
    """One test's folder: the queue in it, the workers on it, and what its tasks wrote down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gate = folder / "gate"
        """What `faulty.wait_once` waits for."""
        self.workers: list[WorkerProcess] = []
        (folder / "runs").mkdir()
        url = f"sqlite:///{folder}/kernelq.sqlite3"
        self.app = KernelQ("faulty", broker=url, backend=url, set_as_current=False)

    def start(self, module: str = "faulty", *, concurrency: int = 2, **settings: Any) -> WorkerProcess:
        """A worker that consumes. `settings` are the app's; the lease is 1 s."""
        settings = {"worker_lease": 1.0, **settings}
        worker = WorkerProcess(f"w{len(self.workers)}", self.folder, module, concurrency, settings)
        self.workers.append(worker)
        return worker

    def call(self, task: str, *args: Any, **options: Any) -> Any:
        """Call a task of `faulty`; its result."""
        return self.app.send_task(f"faulty.{task}", args, **options)

    def call_many(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Publish these calls, each a task's name and its arguments, in one go; their results."""
        publisher = self.app.publisher
        messages = [publisher.message(None, f"faulty.{task}", args, {}, {}) for task, *args in calls]
        publisher.publish(messages)
        return [self.app.AsyncResult(message.id) for message in messages]

    def runs(self, result: Any) -> list[Run]:
        """The runs of a task so far, by their beginning."""
        path = self.folder / "runs" / result.id
        found: dict[int, list[Run]] = {}
        for what, pid, instant in (line.split() for line in path.read_text().splitlines()) if path.exists() else ():
            of_process = found.setdefault(int(pid), [])
            if what == "start":
                of_process.append(Run(int(pid), int(instant), None))
            else:
                of_process[-1] = Run(int(pid), of_process[-1].started, int(instant))
        return sorted((run for runs in found.values() for run in runs), key=lambda run: run.started)

    def begun(self) -> int:
        """How many tasks have written down that they began; a file is there a moment before its first line."""
        return sum(entry.stat().st_size > 0 for entry in os.scandir(self.folder / "runs"))

    def until_begun(self, tasks: int = 1) -> None:
        """Wait until so many tasks have begun."""
        until(lambda: self.begun() >= tasks, f"{tasks} tasks to begin")

    def until_running(self, messages: int) -> None:
        """Wait until workers hold so many messages."""
        until(lambda: self.stats().running == messages, f"{messages} messages to be held")

    def stats(self) -> QueueStats:
        """How the queue stands."""
        return next(
            (stats for stats in self.app.broker.queues() if stats.name == "default"), QueueStats(name="default")
        )

    def is_empty(self) -> bool:
        """Whether no message is left but dead letters."""
        stats = self.stats()
        return not (stats.ready or stats.delayed or stats.running)

    def until_empty(self) -> None:
        """Wait until no message is left but dead letters."""
        until(self.is_empty, "the queue to be empty")

    def close(self) -> None:
        """End every worker, however it was left."""
        for worker in self.workers:
            worker.close()
        self.app.close()


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it ended by itself


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """See `Yard`."""
    yard = Yard(tmp_path)
    yield yard
    yard.close()
