"""A test stand: one peer on an empty store, with its clients and workers as processes."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BenchFailed
from .homes import ROOT
from .peers import Command, Peer
from .processes import Workers
from .side.marks import PATH_VARIABLE, WARM_UP, Marks
from .stores import Store

LOOK_EVERY = 0.002
"""Seconds between two looks at the marks or the store."""

PATIENCE = 300.0
"""Seconds after which a measurement is given up."""

FOLDER = ROOT / "benchmarks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """Epoch seconds of a drain, and what was seen of it."""

    first: float
    """The first mark."""
    quiet: float
    """Nothing is unacknowledged, and all results can be read."""
    steady: float
    """Tasks per second between a tenth and nine tenths of the marks."""
    repeated: int
    """Tasks that ran more than once."""


class Stand:
    """One peer, used for one measurement; `results` says whether results are kept."""

    def __init__(self, peer: Peer, python: Path, store: Store, marks: Marks, folder: Path, *, port: int = 0) -> None:
        self.peer = peer
        self.store = store
        self.marks = marks
        self.python = python
        self.folder = folder
        self._port = port
        self.reset()

    def reset(self) -> None:
        """Make store and marks empty."""
        self.store.reset(self.peer, self.python)
        self.marks.clear()

    def environment(self, *, results: bool = False, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Variables of the peer's processes."""
        broker, backend = self.store.urls(self.peer)
        path = [str(FOLDER / "adapters" / self.peer.adapter), str(FOLDER / "side")]
        return (
            os.environ
            | {
                "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": os.pathsep.join(path),
                "PYTHONWARNINGS": "ignore",
                "C_FORCE_ROOT": "1",
                "BENCH_BROKER": broker,
                "BENCH_BACKEND": backend,
                "BENCH_RESULTS": "1" if results else "0",
                PATH_VARIABLE: str(self.marks.path),
            }
            | dict(self.peer.environment)
            | dict(more or {})
        )

    @contextmanager
    def running_client(
        self, operation: str, environment: Mapping[str, str], **parameters: Any
    ) -> Iterator[subprocess.Popen[str]]:
        """An operation of `side.client`, begun with the block; what is left of it afterwards is killed."""
        command = [str(self.python), str(FOLDER / "side" / "client.py"), operation, json.dumps(parameters)]
        pipe = subprocess.PIPE
        client = subprocess.Popen(command, env=environment, cwd=self.folder, stdout=pipe, stderr=pipe, text=True)
        try:
            yield client
        finally:
            client.kill()
            client.communicate()

    def finish_client(self, client: subprocess.Popen[str]) -> dict[str, float]:
        """Wait for an operation; what it measured."""
        try:
            out, errors = client.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise BenchFailed(f"the client of {self.peer.name} did not end in {PATIENCE:g} s") from None
        for line in out.splitlines():
            if line.startswith("@@"):
                numbers: dict[str, float] = json.loads(line[2:])
                return numbers
        raise BenchFailed(f"the client of {self.peer.name} failed: {errors[-1500:]}")

    def client(
        self, operation: str, *, results: bool = False, more: Mapping[str, str] | None = None, **parameters: Any
    ) -> dict[str, float]:
        """Carry out an operation of `side.client`."""
        with self.running_client(operation, self.environment(results=results, more=more), **parameters) as client:
            return self.finish_client(client)

    @contextmanager
    def workers(
        self, *, results: bool = False, more: Mapping[str, str] | None = None, commands: tuple[Command, ...] = ()
    ) -> Iterator[Workers]:
        """Two worker processes for the length of the block, or those that other `commands` start."""
        told = [
            [word.format_map({"port": self._port}) if "{" in word else word for word in command]
            for command in commands or self.peer.workers
        ]
        environment = self.environment(results=results, more=more)
        for command in told:
            command[0] = str(self.python.parent / command[0])
        workers = Workers(told, environment, self.folder)
        try:
            yield workers
        finally:
            workers.end()

    def warm_up(
        self, workers: Workers, n: int = 50, *, results: bool = False, more: Mapping[str, str] | None = None
    ) -> None:
        """Have the workers run a few tasks."""
        self.client("fill", results=results, more=more, n=n, base=WARM_UP)
        self.drained(workers, n, base=WARM_UP)

    def drained(self, workers: Workers, n: int, *, base: int = 0, results: bool = False) -> Drained:
        """Wait until `n` tasks from number `base` on have run and the store knows it, results included."""
        instants = [
            self.reached(workers, goal, base, base + n) for goal in (1, max(1, n // 10), max(1, n * 9 // 10), n)
        ]
        deadline = time.monotonic() + PATIENCE
        while self.store.is_exact and self._is_busy(n if results else 0):
            self._pause(workers, deadline, "never quiet")
        quiet = time.time()
        (first, _), (tenth_at, tenth), (most_at, most), _ = instants
        if not self.store.is_exact:
            quiet = instants[-1][0]
            while self._is_busy(0):
                self._pause(workers, deadline, "never quiet")
        steady = (most - tenth) / (most_at - tenth_at) if most_at > tenth_at else 0.0
        return Drained(first=first, quiet=quiet, steady=steady, repeated=self.marks.repeated(base, base + n))

    def reached(self, workers: Workers, goal: int, first: int, last: int) -> tuple[float, int]:
        """Wait until `goal` of the tasks from `first` to before `last` have run; when that was seen, and how many had."""
        deadline = time.monotonic() + PATIENCE
        while (done := self.marks.done(first, last)) < goal:
            self._pause(workers, deadline, f"{done} of {goal} tasks ran")
        return time.time(), done

    def _is_busy(self, results: int) -> bool:
        if self.store.unsettled(self.peer):
            return True
        return bool(results and self.peer.results) and self.store.results(self.peer) < results

    def _pause(self, workers: Workers, deadline: float, state: str) -> None:
        if not workers.are_alive() or time.monotonic() > deadline:
            why = "were given up" if workers.are_alive() else "ended"
            raise BenchFailed(f"the workers of {self.peer.name} {why} ({state}): {workers.log}")
        time.sleep(LOOK_EVERY)
