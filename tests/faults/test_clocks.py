"""Wall clocks that jump, and workers that do not agree on the time: leases hold, and everything runs once."""

from __future__ import annotations

import pytest
from faults.engines import ALL
from faults.yard import LEASE

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(
    ("engine", "seconds"), [("postgresql", 300.0), ("redis", -300.0), ("amqp", 300.0), ("amqp", -300.0)]
)
def test_a_worker_whose_clock_is_off_by_five_minutes_takes_nothing_from_others(yard, seconds):
    """C6: the server's clock alone counts, for leases and for etas."""
    running = yard.call("sleep_until", str(yard.gate))
    right = yard.start(concurrency=1)
    yard.until_begun()

    wrong = yard.start(concurrency=1, clock=seconds)
    later = yard.call("square", 4, countdown=3 * LEASE)
    assert yard.call("square", 3).get(timeout=60) == 9
    assert later.get(timeout=30) == 16
    yard.gate.touch()

    assert running.get(timeout=60) in [child.pid for child in right.children()]
    assert len(yard.runs(running)) == len(yard.runs(later)) == 1
    assert not any("was refused" in worker.log for worker in (right, wrong))
    yard.until_empty()


@pytest.mark.parametrize(
    ("engine", "seconds"),
    [
        pytest.param(
            "sqlite", 3600.0, marks=pytest.mark.xfail(reason="SQLite's leases go by the machine's wall clock")
        ),
        *[(engine, 3600.0) for engine in ALL if engine != "sqlite"],
        ("sqlite", -3600.0),
        ("redis", -3600.0),
    ],
)
def test_a_wall_clock_that_jumps_by_an_hour_costs_no_lease(yard, seconds):
    """C4: all workers of a machine see it jump, while they run tasks."""
    running = yard.call("sleep_until", str(yard.gate))
    workers = [yard.start(concurrency=1, clock=0.0) for _ in range(2)]
    yard.until_begun()

    yard.set_clock(seconds)
    results = [yard.call("square", n) for n in range(10)]
    yard.until_ready(results)
    yard.until_ready([yard.call("square", 1, 3 * LEASE)])  # time enough to take back what another worker runs
    yard.gate.touch()

    running.get(timeout=60)
    assert [len(yard.runs(result)) for result in (running, *results)] == [1] * 11
    assert not any("was refused" in worker.log for worker in workers)
    yard.until_empty()
