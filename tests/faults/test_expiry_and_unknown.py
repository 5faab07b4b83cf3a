"""Messages that may not run, or not yet: expired ones, and those of tasks that nobody knows so far."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.faults


def test_forty_expired_tasks_end_as_revoked(yard):
    results = [yard.call("square", number, expires=-1.0) for number in range(40)]

    worker = yard.start()
    for result in results:
        result.get(timeout=30, propagate=False)

    assert [(result.state, result.reason) for result in results] == [("REVOKED", "expired")] * 40
    assert yard.begun() == 0
    assert worker.log.count("expired before it could run") == 40


def test_a_task_nobody_knows_is_parked_until_a_worker_knows_it(yard):
    result = yard.call("newcomer")
    older = yard.start()
    older.hears("is parked for 1 s")

    yard.start("newer")

    assert result.get(timeout=30) == "known by now"
    assert len(yard.runs(result)) == 1
    assert yard.is_empty()
