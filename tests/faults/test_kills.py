"""SIGKILL at random moments, of a child, of the supervisor, of all: nothing is lost, nothing runs twice at once."""

from __future__ import annotations

import itertools
import os
import random
import signal
import time

import pytest
from faults.engines import ALL, on
from faults.yard import LEASE
from waiting import until

pytestmark = pytest.mark.faults

TASKS = 1000
KILLS = ["child"] * 6 + ["supervisor"] * 4 + ["all"] * 4

SOON = LEASE + 10.0
"""Seconds after which what a killed worker held runs again, at the latest."""


@on(ALL)
def test_no_task_is_lost_whatever_is_killed_whenever(yard):
    """A1, A2, A3."""
    seed = int(os.environ.get("FAULTS_SEED") or random.randrange(10**6))
    print(f"FAULTS_SEED={seed}")  # shown by pytest when this fails; give it again to kill at much the same moments
    chance = random.Random(seed)
    numbers = [chance.randrange(1000) for _ in range(TASKS)]
    results = yard.call_many([("square", number, 0.002) for number in numbers])
    moments = sorted(chance.sample(range(10, TASKS - 100), len(KILLS)))
    kinds = chance.sample(KILLS, len(KILLS))

    worker = yard.start()
    for moment, kind in zip(moments, kinds, strict=True):
        yard.until_begun(moment)
        time.sleep(chance.random() * 0.02)  # into the middle of something
        worker = strike(yard, worker, kind, chance)

    outcomes = yard.until_ready(results)
    assert [outcome.state for outcome in outcomes] == ["SUCCESS"] * TASKS
    assert [result.get(timeout=30) for result in results] == [number * number for number in numbers]
    yard.until_empty()
    assert yard.app.broker.dead() == []
    if yard.ground.engine in ("sqlite", "postgresql"):
        assert any("messages taken back from w" in each.log for each in yard.workers)
    deaths = {pid: instant for each in yard.workers for pid, instant in each.deaths.items()}
    for result in results:
        assert_one_at_a_time(yard.runs(result), deaths)


def strike(yard, worker, kind, chance):
    """Kill; give the worker that goes on."""
    if kind == "child":
        worker.kill_child(chance.choice(worker.some_children()).pid)
        return worker
    if kind == "supervisor":
        worker.kill_supervisor()
    else:
        worker.kill_all()
    return yard.start()


def assert_one_at_a_time(runs, deaths):
    """Every run but the last ended, or was killed, before the next began; the last one ended."""
    for run, following in itertools.pairwise(runs):
        ended = deaths[run.pid] if run.ended is None else run.ended
        assert ended <= following.started
    assert runs[-1].ended is not None


@on(ALL)
def test_what_a_killed_worker_held_runs_again_within_its_lease_and_some_seconds(yard):
    """A2: of those it held, only what ran has run twice."""
    running, *waiting = yard.call_many([("wait_once", str(yard.gate)), *[("square", number) for number in range(4)]])
    killed = yard.start(concurrency=1, worker_long_task=3600.0)  # so that the lane keeps what waits behind the task
    yard.until_begun()
    other = yard.start(concurrency=1)

    killed.kill_all()

    died_at = max(killed.deaths.values())
    outcomes = yard.until_ready([running, *waiting])
    assert [outcome.state for outcome in outcomes] == ["SUCCESS"] * 5
    first, second = yard.runs(running)
    assert first.ended is None
    assert second.pid in [child.pid for child in other.children()]
    assert [len(yard.runs(result)) for result in waiting] == [1] * 4
    last = max(run.started for result in (running, *waiting) for run in yard.runs(result))
    assert last - died_at <= SOON * 1e9
    assert yard.app.broker.dead() == []
    yard.until_empty()


def test_children_do_not_outlive_a_killed_supervisor(yard):
    """A3."""
    yard.call("compute", 3600.0)
    worker = yard.start()
    yard.until_begun()
    assert len(worker.children()) == 2  # one computes, the other waits

    worker.kill_supervisor()

    worker.until_no_child_lives()


@on(ALL)
def test_a_killed_child_costs_one_crash_and_is_told_in_the_log(yard):
    """A1: what it ran goes back at once, and its sibling is untouched."""
    lease = (
        {} if yard.ground.engine == "amqp" else {"worker_lease": 600.0}
    )  # so that nothing here can be the end of one
    neighbour = yard.call("sleep_until", str(yard.gate))
    result = yard.call("wait_once", str(yard.gate))
    worker = yard.start(**lease)
    yard.until_begun(2)
    (run,) = yard.runs(result)

    worker.kill_child(run.pid)

    assert result.get(timeout=30) != run.pid
    assert len(yard.runs(result)) == 2
    said = f"(pid {run.pid}) ended by signal {signal.SIGKILL:d} (SIGKILL) while running faulty.wait_once[{result.id}]"
    assert f"{said}; its message goes back, charged with one crash" in worker.log
    yard.gate.touch()
    assert neighbour.get(timeout=30) == yard.runs(neighbour)[0].pid
    assert len(yard.runs(neighbour)) == 1
    until(lambda: len(worker.children()) == 2, "another child in its place")
