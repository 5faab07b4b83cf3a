"""SIGKILL at random moments, of a child, of the supervisor, of all: nothing is lost, nothing runs twice at once."""

from __future__ import annotations

import itertools
import os
import random
import time

import pytest

pytestmark = pytest.mark.faults

TASKS = 1500
KILLS = ["child"] * 8 + ["supervisor"] * 6 + ["all"] * 6


def test_no_task_is_lost_whatever_is_killed_whenever(yard):
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

    assert [result.get(timeout=30) for result in results] == [number * number for number in numbers]
    yard.until_empty()
    assert yard.app.broker.dead() == []
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


def test_children_do_not_outlive_a_killed_supervisor(yard):
    yard.call("compute", 3600.0)
    worker = yard.start()
    yard.until_begun()
    assert len(worker.children()) == 2  # one computes, the other waits

    worker.kill_supervisor()

    worker.until_no_child_lives()


def test_a_killed_child_costs_one_crash_and_is_told_in_the_log(yard):
    result = yard.call("wait_once", str(yard.gate))
    worker = yard.start(concurrency=1, worker_lease=600.0)  # so that nothing here can be the end of a lease
    yard.until_begun()
    (child,) = worker.children()

    worker.kill_child(child.pid)

    assert result.get(timeout=30) != child.pid
    assert len(yard.runs(result)) == 2
    said = f"(pid {child.pid}) ended by signal 9 (SIGKILL) while running faulty.wait_once[{result.id}]"
    assert f"{said}; its message goes back, charged with one crash" in worker.log
