"""What a chaos run does to its workers, its network and its server; each fault writes down whom it excuses, and when."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from faults.history import Absence, History
from faults.processes import WorkerProcess
from faults.yard import Yard
from kernelq.testing import Proxy

GROUPS = ("kill", "freeze", "stop", "net", "server")


class Injector:
    """Does one random fault after the other, each about `every` seconds, on a thread of its own.

    `stop` ends it with everything healed and as many workers running as at the beginning. An error in here is kept in
    `error`: the run is worth nothing then.
    """

    def __init__(
        self,
        yard: Yard,
        history: History,
        *,
        proxy: Proxy | None,
        chance: random.Random,
        groups: tuple[str, ...],
        every: float,
        lease: float,
        workers: int,
        start: Callable[[], WorkerProcess],
        say: Callable[[str], None],
    ) -> None:
        self.injected: list[str] = []
        self.error: BaseException | None = None
        self._yard = yard
        self._history = history
        self._proxy = proxy
        self._chance = chance
        self._every = every
        self._lease = lease
        self._start = start
        self._say = say
        self._workers = [start() for _ in range(workers)]
        self._faults = self._known(groups)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="injector", daemon=True)

    def begin(self) -> None:
        """Wait for the workers, then begin."""
        for worker in self._workers:
            worker.until_ready()
        self._thread.start()

    def stop(self) -> None:
        """End the fault under way, heal everything, replace workers that ended."""
        self._stopping.set()
        self._thread.join()
        if self._proxy is not None:
            self._proxy.heal()
        for n, worker in enumerate(self._workers):
            if worker.has_ended:
                self._workers[n] = self._start()

    def _known(self, groups: tuple[str, ...]) -> list[Callable[[], str]]:
        """The faults of these groups that can be done here, each as often as its weight."""
        known: dict[str, list[Callable[[], str]]] = {
            "kill": [self._kill_child, self._kill_child, self._kill_supervisor, self._kill_worker],
            "freeze": [self._freeze],
            "stop": [self._stop_worker],
            "net": [self._reset, self._hole, self._delay, self._slice, self._refuse, self._cut_reply],
            "server": [self._restart_server, self._kill_server],
        }
        if self._proxy is None:
            del known["net"], known["server"]  # the engine is a file
        chosen = [fault for group in groups for fault in known.get(group, [])]
        if not chosen:
            raise ValueError(f"expected groups of faults that {self._yard.ground.engine} can have, got {groups!r}")
        return chosen

    def _run(self) -> None:
        began = time.monotonic()
        try:
            while not self._stopping.wait(self._every * self._chance.uniform(0.5, 1.5)):
                at = time.monotonic() - began
                what = self._chance.choice(self._faults)()
                self.injected.append(f"{at:7.1f} s  {what}")
                self._say(self.injected[-1])
        except BaseException as error:  # noqa: BLE001  (told by whoever stops us)
            self.error = error

    def _pause(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    # --- processes

    def _pick(self) -> tuple[int, WorkerProcess]:
        n = self._chance.randrange(len(self._workers))
        if self._workers[n].has_ended:
            self._workers[n] = self._start()
        return n, self._workers[n]

    def _kill_child(self) -> str:
        _, worker = self._pick()
        children = worker.children()
        if not children:
            return f"no child of {worker.name} to kill"
        pid = self._chance.choice(children).pid
        worker.kill_child(pid)
        self._history.deaths |= worker.deaths
        return f"killed child {pid} of {worker.name}"

    def _kill_supervisor(self) -> str:
        return self._end(WorkerProcess.kill_supervisor, "killed the supervisor of")

    def _kill_worker(self) -> str:
        return self._end(WorkerProcess.kill_all, "killed all of")

    def _stop_worker(self) -> str:
        def stop(worker: WorkerProcess) -> None:
            worker.send(signal.SIGTERM)
            worker.exit_code()

        return self._end(stop, "stopped")

    def _end(self, how: Callable[[WorkerProcess], None], said: str) -> str:
        n, worker = self._pick()
        how(worker)
        self._history.deaths |= worker.deaths
        self._workers[n] = self._start()
        return f"{said} {worker.name}, started {self._workers[n].name}"

    def _freeze(self) -> str:
        _, worker = self._pick()
        seconds = self._lease * self._chance.choice([0.3, 1.5, 3.0])
        began = time.monotonic_ns()
        pids = worker.freeze()
        self._pause(seconds)
        everybody = self._yard.is_locked()  # by a writer that is frozen
        worker.thaw()
        for pid in [None] if everybody else pids:
            self._excuse(began, pid)
        return f"froze {worker.name} for {seconds:.1f} s{', with the file locked' if everybody else ''}"

    # --- the network

    @contextmanager
    def _weather(self, seconds: float, *, excused: bool = True) -> Any:
        assert self._proxy is not None
        began = time.monotonic_ns()
        yield self._proxy
        self._pause(seconds)
        self._proxy.heal()
        if excused:
            self._excuse(began, None)

    def _reset(self) -> str:
        with self._weather(0.0) as proxy:
            proxy.reset()
        return "reset every connection"

    def _hole(self) -> str:
        seconds = self._lease * self._chance.choice([0.3, 1.5, 3.0])
        direction = self._chance.choice(["up", "down", "both", "both"])
        with self._weather(seconds) as proxy:
            proxy.hole(direction)
        return f"let nothing pass ({direction}) for {seconds:.1f} s"

    def _delay(self) -> str:
        delay = self._chance.uniform(0.01, 0.2)
        with self._weather(self._every, excused=False) as proxy:
            proxy.delay(delay, delay)
        return f"delayed by {delay:.2f} s ± {delay:.2f} s for {self._every:.1f} s"

    def _slice(self) -> str:
        size = self._chance.choice([1, 7, 64])
        with self._weather(self._every, excused=False) as proxy:
            proxy.slice(size)
        return f"sliced into {size} bytes for {self._every:.1f} s"

    def _refuse(self) -> str:
        seconds = self._chance.uniform(0.1, 1.0) * self._lease
        with self._weather(seconds) as proxy:
            proxy.refuse()
        return f"refused every connection for {seconds:.1f} s"

    def _cut_reply(self) -> str:
        inside = self._chance.choice([0, 0, 1, 20])
        with self._weather(self._every) as proxy:
            proxy.reset_inside(inside)
        return f"reset one connection after {inside} bytes of a reply"

    # --- the server

    def _restart_server(self) -> str:
        return self._without_server(self._yard.server.stop, "stopped")

    def _kill_server(self) -> str:
        return self._without_server(self._yard.server.kill, "killed")

    def _without_server(self, end: Callable[[], None], said: str) -> str:
        began = time.monotonic_ns()
        end()
        self._pause(self._chance.uniform(0.0, 1.0))
        self._yard.server.start()
        self._excuse(began, None)
        return f"{said} the server, back after {(time.monotonic_ns() - began) / 1e9:.1f} s"

    def _excuse(self, began: int, pid: int | None) -> None:
        self._history.absences.append(Absence(pid, began, time.monotonic_ns()))
