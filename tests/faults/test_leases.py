"""Leases: they hold as long as the worker lives, and a worker that was away for longer can do no harm."""

from __future__ import annotations

import signal
import time

import pytest

pytestmark = pytest.mark.faults

CLOCKS = 20_000_000
"""Nanoseconds by which the clock of etas and the one of runs may drift apart in a test."""


def test_the_late_outcome_of_a_frozen_worker_is_refused(yard):
    result = yard.call("wait_once", str(yard.gate))
    frozen = yard.start(concurrency=1)
    yard.until_begun()
    frozen.send_all(signal.SIGSTOP)

    other = yard.start(concurrency=1)
    ran_in = result.get(timeout=30)
    yard.gate.touch()
    frozen.send_all(signal.SIGCONT)
    frozen.hears("was refused: its lease had ended")
    frozen.send(signal.SIGTERM)

    assert frozen.exit_code() == 0
    assert frozen.log.count(f"attempt 1 of faulty.wait_once[{result.id}] was refused") == 1
    assert "messages taken back from w0@" in other.log
    assert ran_in in [child.pid for child in other.children()]
    assert yard.app.AsyncResult(result.id).get(timeout=1) == ran_in
    assert len(yard.runs(result)) == 2
    assert yard.is_empty()


def test_a_task_that_computes_for_ten_leases_runs_once(yard):
    result = yard.call("compute", 5.0)

    workers = [yard.start(concurrency=1, worker_lease=0.5) for _ in range(2)]

    assert result.get(timeout=30) == "computed"
    assert len(yard.runs(result)) == 1
    assert not any("was refused" in worker.log for worker in workers)
    assert yard.is_empty()


def test_a_task_due_in_ten_leases_runs_once_and_not_before(yard):
    called_at = time.monotonic_ns()
    result = yard.call("square", 3, countdown=3.0)

    for _ in range(2):
        yard.start(concurrency=1, worker_lease=0.3)

    assert result.get(timeout=30) == 9
    (run,) = yard.runs(result)
    assert run.started - called_at >= 3_000_000_000 - CLOCKS
    assert yard.is_empty()
