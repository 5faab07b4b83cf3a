"""Tasks that kill what runs them, each time: they end as dead letters, and nobody beside them does."""

from __future__ import annotations

import pytest
from faults.engines import ALL, on
from waiting import until

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
    (letter,) = until(yard.app.broker.dead, "the dead letter")  # an outcome kept elsewhere is there before it
    assert (letter.message.id, letter.reason) == (poison.id, "crashed")
    yard.until_empty()


@on(ALL)
def test_a_task_that_kills_its_process_is_given_up_after_some_runs(yard):
    """A8, for it is the same with a task that is killed for its memory each time."""
    poison, neighbours = publish_among_neighbours(yard, "kill_the_process")

    worker = yard.start(concurrency=1)
    poison.get(timeout=60, propagate=False)

    assert_buried_alone(yard, poison, neighbours)
    # On RabbitMQ the message of a dead child comes back by itself, so the first death only makes it a suspect.
    deaths = 4 if yard.holds_leases else 5
    assert len(yard.runs(poison)) == deaths
    assert worker.log.count(f"ended by signal 9 (SIGKILL) while running faulty.kill_the_process[{poison.id}]") == deaths
    assert f"task faulty.kill_the_process[{poison.id}] goes to the dead letters" in worker.log


@pytest.mark.parametrize(
    ("engine", "pool", "task"),
    [("sqlite", "threads", "kill_the_process"), *[(engine, "prefork", "kill_the_worker") for engine in ALL]],
)
def test_a_task_that_kills_the_whole_worker_is_given_up_too(yard, pool, task):
    """A8."""
    poison, neighbours = publish_among_neighbours(yard, task)

    while not poison.ready():
        worker = yard.start(concurrency=1, worker_pool=pool, worker_lease=0.5)
        worker.outlives(poison.ready)

    assert_buried_alone(yard, poison, neighbours)
    # The first worker that vanishes tells nobody what it ran; from then on it is written down.
    assert len(yard.runs(poison)) == 5
    assert f"task faulty.{task}[{poison.id}] goes to the dead letters" in worker.log


@pytest.mark.parametrize(("how", "said"), [("exit", "exit code 0"), ("segfault", "SIGSEGV"), ("abort", "SIGABRT")])
def test_a_process_that_ends_in_a_task_is_a_crash_of_that_task_alone(yard, how, said):
    """A7."""
    neighbour = yard.call("wait_once", str(yard.gate))
    result = yard.call("end_the_process", how)
    worker = yard.start()

    result.get(timeout=30, propagate=False)

    assert (result.state, result.reason) == ("FAILURE", "crashed")
    assert len(yard.runs(result)) == 4
    assert said in worker.log
    yard.gate.touch()
    neighbour.get(timeout=30)
    assert len(yard.runs(neighbour)) == 1
    assert yard.call("square", 3).get(timeout=30) == 9


def test_a_task_that_runs_out_of_memory_fails_and_the_process_goes_on(yard):
    """A8: within a limit on the address space, an allocation that fails is an exception like others."""
    result = yard.call("exhaust_the_memory")
    yard.start(concurrency=1)

    result.get(timeout=30, propagate=False)

    assert (result.state, type(result.result)) == ("FAILURE", MemoryError)
    yard.call("square", 3).get(timeout=30)
    assert len({run.pid for each in (result,) for run in yard.runs(each)}) == 1
