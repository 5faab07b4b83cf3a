"""Tasks that kill what runs them, each time: they end as dead letters, and nobody beside them does."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.faults

NEIGHBOURS = 8
"""Tasks published together with the one that kills: half before it, half behind it. Few enough for one lane to fetch
all of them at once, so that those before have just ended, and are not settled yet, when the blow comes."""


def publish_among_neighbours(yard, task):
    half = [("square", number) for number in range(NEIGHBOURS // 2)]
    results = yard.call_many([*half, (task,), *half])
    poison = results.pop(NEIGHBOURS // 2)
    return poison, results


def assert_buried_alone(yard, poison, neighbours):
    assert [neighbour.get(timeout=30) for neighbour in neighbours] == [n * n for n in range(NEIGHBOURS // 2)] * 2
    assert (poison.state, poison.reason) == ("FAILURE", "crashed")
    (letter,) = yard.app.broker.dead()
    assert (letter.message.id, letter.reason) == (poison.id, "crashed")
    assert yard.is_empty()


def test_a_task_that_kills_its_process_is_given_up_after_four_runs(yard):
    poison, neighbours = publish_among_neighbours(yard, "kill_the_process")

    worker = yard.start(concurrency=1)
    poison.get(timeout=30, propagate=False)

    assert_buried_alone(yard, poison, neighbours)
    assert len(yard.runs(poison)) == 4
    assert worker.log.count(f"ended by signal 9 (SIGKILL) while running faulty.kill_the_process[{poison.id}]") == 4
    assert f"task faulty.kill_the_process[{poison.id}] goes to the dead letters" in worker.log


@pytest.mark.parametrize(("pool", "task"), [("prefork", "kill_the_worker"), ("threads", "kill_the_process")])
def test_a_task_that_kills_the_whole_worker_is_given_up_too(yard, pool, task):
    poison, neighbours = publish_among_neighbours(yard, task)

    while not poison.ready():
        worker = yard.start(concurrency=1, worker_pool=pool, worker_lease=0.5)
        worker.outlives(poison.ready)

    assert_buried_alone(yard, poison, neighbours)
    # The first worker that vanishes tells nobody what it ran; from then on it is written down.
    assert len(yard.runs(poison)) == 5
    assert f"task faulty.{task}[{poison.id}] goes to the dead letters" in worker.log
