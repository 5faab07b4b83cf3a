"""The project the fault tests run: tasks that write down each of their runs, and tasks that do harm.

Environment: FAULTS_RUNS, the folder where each task has a file of its runs, a line for each beginning and end
(`runs` reads them).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from kernelq import KernelQ

RUNS = Path(os.environ["FAULTS_RUNS"])

PATIENCE = 60.0
"""Seconds a task waits for its gate."""

app = KernelQ("faulty")


class Begun(NamedTuple):
    """A run under way: its number among those of its task, from 1, and its beginning in ns of the monotonic clock."""

    number: int
    at: int


@contextmanager
def recorded(task: Any) -> Iterator[Begun]:
    """Write down this run. One line is one write, so a kill leaves no half of one."""
    path = RUNS / task.request.id
    retries = task.request.retries
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    how = "left"
    try:
        at = _write(file, "start", retries)
        yield Begun(path.read_text().count("start"), at)
        how = "end"
    except Exception:
        how = "raise"
        raise
    finally:
        _write(file, how, retries)
        os.close(file)


def _write(file: int, what: str, retries: int) -> int:
    at = time.monotonic_ns()  # one clock for all processes of the machine
    os.write(file, f"{what} {os.getpid()} {at} {retries}\n".encode())
    return at


@app.task(bind=True)
def square(self, number: int, seconds: float = 0.0) -> int:
    with recorded(self):
        time.sleep(seconds)
        return number * number


@app.task
def nothing() -> None:
    """Leaves no record either."""


@app.task(bind=True)
def measure(self, text: str) -> int:
    with recorded(self):
        return len(text)


@app.task(bind=True)
def echo(self, text: str) -> str:
    with recorded(self):
        return text


@app.task(bind=True)
def compute(self, seconds: float) -> str:
    """Never let go of the processor."""
    with recorded(self):
        _compute(seconds)
        return "computed"


def _compute(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


@app.task(bind=True, max_retries=None)
def step(self, seconds: float, *, busy: bool = False, retries: int = 0, fails: bool = False) -> list[int]:
    """One of the many tasks of a chaos run: sleep or compute, retry so often, then fail or say which run this was."""
    with recorded(self) as begun:
        _compute(seconds) if busy else time.sleep(seconds)
        if self.request.retries < retries:
            raise self.retry(countdown=0.2)
        if fails:
            raise ValueError("planned")
        return [os.getpid(), begun.at]


@app.task(bind=True)
def wait_once(self, gate: str) -> int:
    """In the first run wait until the file `gate` is there, later not; return the process."""
    with recorded(self) as begun:
        end = time.monotonic() + PATIENCE
        while begun.number == 1 and not os.path.exists(gate) and time.monotonic() < end:
            time.sleep(0.005)
        return os.getpid()


@app.task(bind=True)
def sleep_until(self, gate: str) -> int:
    """Wait until the file `gate` is there, in every run; return the process."""
    with recorded(self):
        end = time.monotonic() + PATIENCE
        while not os.path.exists(gate) and time.monotonic() < end:
            time.sleep(0.005)
        return os.getpid()


@app.task(bind=True)
def hold_the_lock(self, seconds: int) -> str:
    """Wait in C, without letting go of the interpreter's lock, for a mutex: no signal ends that."""
    with recorded(self):
        library, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(64)
        library.pthread_mutex_lock(mutex)
        end = (ctypes.c_long * 2)(int(time.time() + seconds), 0)  # a timespec
        library.pthread_mutex_timedlock(mutex, end)
        return "held"


@app.task(bind=True)
def end_the_process(self, how: str) -> None:
    with recorded(self):
        if how == "exit":
            os._exit(0)
        elif how == "segfault":
            ctypes.string_at(0)
        os.abort()


@app.task(bind=True)
def exhaust_the_memory(self) -> None:
    with recorded(self):
        limits = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (2**32, limits[1]))
        try:
            bytearray(2**33)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, limits)


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
