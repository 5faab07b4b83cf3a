"""A test stand: one peer on a new store, with its clients and workers as processes."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from marks import PATH_VARIABLE, Marks
from peers import Peer

HERE = Path(__file__).resolve().parent

PATIENCE = 600.0
"""Seconds after which a measurement is given up."""

LOOK_EVERY = 0.002
"""Seconds between two looks at the marks or the store."""


class BenchFailed(Exception):
    """A peer did not do what it was to do; says which, and where its log is."""


@dataclass(frozen=True, slots=True)
class Drained:
    """Instants (monotonic seconds) of a drain, and how many tasks ran more than once."""

    first_mark: float
    last_mark: float
    quiet: float
    repeated: int


class Stand:
    """One peer in an empty `folder`; used for one measurement."""

    def __init__(self, peer: Peer, python: str, folder: Path, *, synchronous: str, results: bool) -> None:
        self.peer = peer
        self._python = python
        self._store = folder / "store.sqlite3"
        self._log = folder / "worker.log"
        self._results = results
        self._marks = Marks(folder)
        self._workers: subprocess.Popen[bytes] | None = None
        self._environment = os.environ | {
            "PYTHONPATH": str(HERE),
            "BENCH_STORE": str(self._store),
            "BENCH_SYNCHRONOUS": synchronous,
            "BENCH_RESULTS": "1" if results else "0",
            PATH_VARIABLE: str(self._marks.path),
        }

    def client(self, operation: str, n: int) -> dict[str, float]:
        """Run an operation of `client` and return what it measured."""
        command = [self._python, str(HERE / "client.py"), self.peer.adapter, operation, str(n)]
        done = subprocess.run(
            command, env=self._environment, cwd=HERE, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        if done.returncode:
            raise BenchFailed(f"the client of {self.peer.name} failed in {operation}:\n{done.stderr[-2000:]}")
        numbers: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return numbers

    @contextmanager
    def workers(self) -> Iterator[None]:
        """Two worker processes for the length of the block."""
        with self._log.open("wb") as log:
            self._workers = subprocess.Popen(
                [self._python, *self.peer.worker],
                env=self._environment,
                cwd=HERE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield
        finally:
            _end(self._workers)

    def drained(self, n: int) -> Drained:
        """Wait until tasks 0 to `n` have run and the store knows it, results included."""
        deadline = time.monotonic() + PATIENCE
        first_mark = self._reach(1, n, deadline)
        last_mark = self._reach(n, n, deadline)
        while not self._is_quiet(n):
            self._pause(deadline)
        return Drained(first_mark, last_mark, time.monotonic(), self._marks.repeated(0, n))

    def _reach(self, goal: int, n: int, deadline: float) -> float:
        while self._marks.done(0, n) < goal:
            self._pause(deadline)
        return time.monotonic()

    def _is_quiet(self, n: int) -> bool:
        with closing(sqlite3.connect(self._store, timeout=10)) as connection:
            if connection.execute(self.peer.unsettled).fetchone()[0]:
                return False
            return not self._results or connection.execute(self.peer.results).fetchone()[0] >= n

    def _pause(self, deadline: float) -> None:
        assert self._workers is not None
        if self._workers.poll() is not None or time.monotonic() > deadline:
            why = "did not finish in time" if self._workers.returncode is None else "ended"
            raise BenchFailed(f"the workers of {self.peer.name} {why}:\n{self._log.read_text()[-2000:]}")
        time.sleep(LOOK_EVERY)


def _end(workers: subprocess.Popen[bytes]) -> None:
    """Ask the workers to end, then kill what is left of their session."""
    workers.terminate()
    try:
        workers.wait(10)
    except subprocess.TimeoutExpired:
        pass  # it is killed now, as is whatever it left behind
    try:
        os.killpg(workers.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # nothing is left
    workers.wait()
