"""TERM to a worker whose task still runs: once, and twice."""

from __future__ import annotations

import signal

import pytest

pytestmark = pytest.mark.faults


def test_a_warm_stop_lets_the_running_task_finish_and_gives_the_others_back(yard):
    running, *waiting = yard.call_many([("wait_once", str(yard.gate)), *[("square", number) for number in range(3)]])
    worker = yard.start(concurrency=1, worker_long_task=3600.0)  # so that the lane keeps what waits behind the task
    yard.until_running(4)
    yard.until_begun()

    worker.send(signal.SIGTERM)
    worker.hears("told to stop: what runs is finished, nothing else begins")  # in the child, not only above it
    yard.gate.touch()

    assert worker.exit_code() == 0
    assert running.state == "SUCCESS"
    assert [result.state for result in waiting] == ["PENDING"] * 3
    assert (yard.stats().ready, yard.stats().running) == (3, 0)
    assert "it was told to stop" in worker.log


def test_a_second_stop_gives_the_running_task_back_uncharged(yard):
    result = yard.call("wait_once", str(yard.gate))
    worker = yard.start()
    yard.until_begun()

    worker.send(signal.SIGTERM)
    worker.hears("warm stop")
    worker.send(signal.SIGTERM)

    assert worker.exit_code() == 1
    assert "quick stop" in worker.log
    assert result.state == "PENDING"
    (delivery,) = yard.app.broker.consumer(["default"], id="test", lease=15.0).fetch(1, 0)
    assert (delivery.crashes, delivery.suspect) == (0, False)
