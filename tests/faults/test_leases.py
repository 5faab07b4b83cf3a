"""Leases: they hold as long as the worker lives, and a worker that was away for longer can do no harm."""

from __future__ import annotations

import signal
import time

import pytest
from faults.engines import ALL, LEASED, on
from faults.yard import LEASE

pytestmark = pytest.mark.faults

BRIEF = 1.5
"""Seconds a lease lasts ten of which are to pass."""

CLOCKS = 20_000_000
"""Nanoseconds by which the clock of etas and the one of runs may drift apart in a test."""


@on(ALL)
def test_the_late_outcome_of_a_frozen_worker_is_refused(yard):
    """A4: frozen until another worker has run its task, and for three leases at least."""
    result = yard.call("wait_once", str(yard.gate))
    frozen = yard.start(concurrency=1)
    yard.until_begun()
    frozen.freeze()
    frozen_at = time.monotonic()

    other = yard.start(concurrency=1)
    ran_in = result.get(timeout=60)
    time.sleep(max(0.0, frozen_at + 3 * LEASE - time.monotonic()))
    yard.gate.touch()
    frozen.thaw()
    frozen.hears("was refused")
    frozen.send(signal.SIGTERM)

    assert frozen.exit_code() == 0
    assert frozen.log.count(f"attempt 1 of faulty.wait_once[{result.id}] was refused") == 1
    assert ran_in in [child.pid for child in other.children()]
    assert yard.app.AsyncResult(result.id).get(timeout=1) == ran_in
    assert len(yard.runs(result)) == 2
    yard.until_empty()


def test_whose_lease_ended_is_told_by_who_takes_its_messages(yard):
    result = yard.call("wait_once", str(yard.gate))
    killed = yard.start(concurrency=1)
    yard.until_begun()

    killed.kill_all()
    other = yard.start(concurrency=1)

    result.get(timeout=30)
    assert "messages taken back from w0@" in other.log


@on(ALL)
def test_a_task_that_computes_for_ten_leases_runs_once(yard):
    """A11, promise 2."""
    result = yard.call("compute", 10 * BRIEF)

    workers = [yard.start(concurrency=1, worker_lease=BRIEF) for _ in range(2)]

    assert result.get(timeout=60) == "computed"
    assert len(yard.runs(result)) == 1
    assert not any("was refused" in worker.log for worker in workers)
    yard.until_empty()


@on(("sqlite", "redis"))
def test_a_task_that_holds_the_interpreter_s_lock_for_several_leases_runs_once(yard):
    """A11: not even a thread of its process runs meanwhile."""
    result = yard.call("hold_the_lock", int(3 * LEASE))

    workers = [yard.start(concurrency=1) for _ in range(2)]

    assert result.get(timeout=60) == "held"
    assert len(yard.runs(result)) == 1
    assert not any("was refused" in worker.log for worker in workers)
    yard.until_empty()


def test_a_task_that_holds_the_interpreter_s_lock_is_killed_at_its_hard_limit(yard):
    """A11, A12."""
    result = yard.call("hold_the_lock", 60, soft_time_limit=0.5, time_limit=1.0)

    worker = yard.start(concurrency=1)

    result.get(timeout=30, propagate=False)
    assert (result.state, result.reason) == ("FAILURE", "timed_out")
    assert "soft time limit of 0.5 s passed" in worker.log
    assert "hard time limit of 1 s passed" in worker.log
    assert yard.call("square", 3).get(timeout=30) == 9


@on(ALL)
def test_a_task_due_in_ten_leases_runs_once_and_not_before(yard):
    """Promise 2."""
    called_at = time.monotonic_ns()
    result = yard.call("square", 3, countdown=10 * BRIEF)

    for _ in range(2):
        yard.start(concurrency=1, worker_lease=BRIEF)

    assert result.get(timeout=60) == 9
    (run,) = yard.runs(result)
    assert run.started - called_at >= 10 * BRIEF * 1e9 - CLOCKS
    yard.until_empty()


@on(LEASED)
def test_one_message_published_twice_at_the_same_moment_runs_once(yard):
    """D10: on engines that tell ids apart; RabbitMQ does not, and says so (`Capabilities.dedup`)."""
    other = yard.client()
    publisher = yard.app.publisher
    messages = [publisher.message(None, "faulty.square", (n, 0.2), {}, {}) for n in range(20)]
    other.publisher.publish([publisher.message(None, "faulty.square", (0,), {}, {})])  # both are connected now
    yard.start(), yard.start()

    for message in messages:
        publisher.publish([message])
        other.publisher.publish([message])

    results = [yard.app.AsyncResult(message.id) for message in messages]
    yard.until_ready(results)
    yard.until_empty()
    assert [len(yard.runs(result)) for result in results] == [1] * 20
