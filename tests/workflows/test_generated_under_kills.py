"""Many workflows at once, while whole workers are killed: all end as the model says, as if nobody had been."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest
from faults.processes import WorkerProcess
from faults.yard import Yard
from hypothesis import Phase, given, settings
from hypothesis import seed as seeded
from workflows.places import LEASE, PROJECT, runner_in, yard_on
from workflows.shapes import IN_PROCESS, Shape, shapes, tasks
from workflows.tasks import Fate

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

FATES = (*IN_PROCESS, Fate.KILL_ONCE, Fate.TIME_OUT)
"""Not poison: it would be run as often as innocents may be."""

SPARED = 1000
"""`task_max_crashes`, so that nobody is taken for poison who ran where the blow fell."""

MORTALITY = 0.2
"""The share of publishings and storings by a worker that are the last its process does."""

EVERY = 1.0
"""Seconds between two blows."""

ENOUGH = 10
"""Blows in a short run."""

SECONDS = 0.06
"""What a task takes, so that there is something to hit."""


@pytest.fixture
def yard(request, tmp_path):
    yard = yard_on(request, tmp_path)
    yield yard
    yard.close()


def several(count: int, seed: int) -> list[Shape]:
    """So many workflows, rather large ones, the same for a seed."""
    found: list[Shape] = []

    @seeded(seed)
    @settings(max_examples=3 * count, database=None, phases=[Phase.generate], deadline=None)
    @given(shapes(FATES, fortune=6))
    def draw(drawn: Shape) -> None:
        found.append(drawn)

    draw()
    return sorted(dict.fromkeys(found), key=lambda shape: len(tasks(shape)))[-count:]


class Killer:
    """Kills one of the workers after the other, and starts another in its place, on a thread of its own."""

    def __init__(self, start: Callable[[], WorkerProcess], seed: int, most: int) -> None:
        self.blows = 0
        self.error: BaseException | None = None
        self._start = start
        self._chance = random.Random(seed)
        self._most = most
        self._workers = [start(), start()]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="killer", daemon=True)

    def __enter__(self) -> Killer:
        for worker in self._workers:
            worker.until_ready()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while self.blows < self._most and not self._over.wait(EVERY):
                victim = self._workers.pop(self._chance.randrange(len(self._workers)))
                victim.kill_all()
                self.blows += 1
                self._workers.append(self._start())
        except BaseException as error:  # noqa: BLE001  (raised again by the test)
            self.error = error


def run_under_kills(yard: Yard, workflows: list[Shape], *, seed: int, most: int) -> None:
    def start() -> WorkerProcess:
        return yard.start(PROJECT, concurrency=2, wait=False, task_max_crashes=SPARED)

    runner = runner_in(yard, patience=60.0, may_repeat=True, seconds=SECONDS)
    with Killer(start, seed, most) as killer:
        sent = [runner.send(shape) for shape in workflows]
        runner.drain(sent)
    if killer.error is not None:
        raise killer.error
    print(f"{killer.blows} workers were killed")
    assert killer.blows > 1, "the workflows were through before anybody was killed"
    runner.judge(sent)


@pytest.mark.parametrize("yard", ["sqlite", "redis", "two"], indirect=True)
def test_workflows_end_as_they_should_though_workers_are_killed(yard):
    run_under_kills(yard, several(40, seed=1), seed=1, most=ENOUGH)


@pytest.mark.parametrize("yard", ["two", pytest.param("amqp", marks=pytest.mark.soak)], indirect=True)
def test_workflows_end_as_they_should_though_processes_die_in_the_middle_of_a_commit(yard, monkeypatch):
    monkeypatch.setenv("FLOWS_MORTALITY", str(MORTALITY))
    worker = yard.start(PROJECT, concurrency=2, task_max_crashes=SPARED, worker_lease=LEASE)

    runner_in(yard, patience=60.0, may_repeat=True).check(several(40, seed=2))

    deaths = worker.log.count("SIGKILL")
    print(f"{deaths} processes died")
    assert deaths > 5, "too few have died"


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("yard", ["sqlite", "redis", "two", "postgresql", "mysql", "amqp"], indirect=True)
def test_very_many_workflows_end_as_they_should_though_workers_are_killed(yard, seed):
    run_under_kills(yard, several(300, seed), seed=seed, most=200)
