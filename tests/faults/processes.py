"""Workers as processes, to be killed, frozen and told to stop; every process ends with its test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from servers import stands
from waiting import until

HERE = Path(__file__).parent

PATIENCE = 60.0
"""Seconds a test waits for what must come."""


class WorkerProcess:
    """``kernelq worker`` as a process, with a log of its own; `wait` off: it need not be ready yet."""

    def __init__(
        self,
        name: str,
        folder: Path,
        module: str,
        concurrency: int,
        settings: dict[str, Any],
        *,
        wait: bool = True,
        is_clock_off: bool = False,
    ) -> None:
        self.name = name
        self.deaths: dict[int, int] = {}
        """Process → when it was about to be killed, ns of the monotonic clock."""
        self._log = folder / f"{name}.log"
        self._known: set[psutil.Process] = set()
        path = f"{HERE / 'clock'}{os.pathsep}{HERE}" if is_clock_off else str(HERE)
        environment = os.environ | {"PYTHONPATH": path, "FAULTS_RUNS": str(folder / "runs")}
        environment["FAULTS_CLOCK"] = str(folder / "clock")
        environment |= {f"KERNELQ_{setting.upper()}": str(value) for setting, value in settings.items()}
        command = ["-m", "kernelq", "-A", module, "worker", "-l", "INFO", "-q", "-c", str(concurrency), "-n", name]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command], cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        if wait:
            self.until_ready()

    @property
    def pid(self) -> int:
        """The supervisor."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._log.read_text()

    def hears(self, text: str) -> None:
        """Wait until `text` is in the log."""
        until(lambda: text in self.log or self.has_ended, f"{text!r} in the log:\n{self.log}")
        assert text in self.log, f"the worker ended before it said {text!r}:\n{self.log}"

    def until_ready(self) -> None:
        """Wait until it consumes."""
        self.hears(" ready")
        self.children()

    @property
    def has_ended(self) -> bool:
        """Whether the supervisor has ended."""
        return self._process.poll() is not None

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

    def pids(self) -> list[int]:
        """The supervisor and its children."""
        return [self._process.pid, *(child.pid for child in self.children())]

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
        until(lambda: stands(supervisor), "the supervisor to stop")
        return self.children()

    def _kill(self, pid: int) -> None:
        self.deaths[pid] = time.monotonic_ns()
        _send(pid, signal.SIGKILL)

    def send(self, number: int) -> None:
        """Send a signal to the supervisor."""
        self._process.send_signal(number)

    def freeze(self) -> list[int]:
        """Stop the supervisor and its children; returns when every thread of them stands. The processes."""
        supervisor = psutil.Process(self._process.pid)
        family = [supervisor, *self._frozen_children()]
        for process in family:
            _send(process.pid, signal.SIGSTOP)
        until(lambda: all(map(stands, family)), "the worker to stand still")
        return [process.pid for process in family]

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        for pid in self.pids():
            _send(pid, signal.SIGCONT)

    def outlives(self, condition: Callable[[], Any]) -> bool:
        """Wait for `condition` or for the end of this worker; whether it still lives."""
        until(lambda: self.has_ended or condition(), f"the worker's end:\n{self.log}")
        return not self.has_ended

    def exit_code(self) -> int:
        """Wait for its end; negative: the signal that ended it."""
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"waited {PATIENCE:g} s in vain: the worker's end:\n{self.log}") from None

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


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it ended by itself
