"""The project the fault tests run: tasks that write down each of their runs, and tasks that do harm.

Environment: FAULTS_RUNS, the folder where each task has a file of its runs, a line for each beginning and end.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kernelq import KernelQ

RUNS = Path(os.environ["FAULTS_RUNS"])

PATIENCE = 30.0
"""Seconds a task waits for its gate."""

app = KernelQ("faulty")


@contextmanager
def recorded(task: Any) -> Iterator[int]:
    """Write down this run; gives its number, from 1. One line is one write, so a kill leaves no half of one."""
    path = RUNS / task.request.id
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        _write(file, "start")
        yield path.read_text().count("start")
        _write(file, "end")
    finally:
        os.close(file)


def _write(file: int, what: str) -> None:
    # The monotonic clock is one for all processes of the machine.
    os.write(file, f"{what} {os.getpid()} {time.monotonic_ns()}\n".encode())


@app.task(bind=True)
def square(self, number: int, seconds: float = 0.0) -> int:
    with recorded(self):
        time.sleep(seconds)
        return number * number


@app.task(bind=True)
def compute(self, seconds: float) -> str:
    """Never let go of the processor."""
    with recorded(self):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pass
        return "computed"


@app.task(bind=True)
def wait_once(self, gate: str) -> int:
    """In the first run wait until the file `gate` is there, later not; return the process."""
    with recorded(self) as number:
        end = time.monotonic() + PATIENCE
        while number == 1 and not os.path.exists(gate) and time.monotonic() < end:
            time.sleep(0.005)
        return os.getpid()


@app.task(bind=True)
def kill_the_process(self) -> None:
    with recorded(self):
        os.kill(os.getpid(), signal.SIGKILL)


@app.task(bind=True)
def kill_the_worker(self) -> None:
    """For processes only: the parent is the supervisor there, and elsewhere whoever started the worker."""
    with recorded(self):
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
