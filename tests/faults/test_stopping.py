"""Signals to a worker whose task still runs: to stop, to stop at once, and in which order they were sent."""

from __future__ import annotations

import signal

import pytest
from faults.engines import ALL, on

pytestmark = pytest.mark.faults


@on(ALL)
def test_a_warm_stop_lets_the_running_task_finish_and_gives_the_others_back(yard):
    """A5: a task shorter than the grace."""
    running, *waiting = yard.call_many([("wait_once", str(yard.gate)), *[("square", number) for number in range(3)]])
    worker = yard.start(concurrency=1, worker_long_task=3600.0)  # so that the lane keeps what waits behind the task
    yard.until_begun()

    worker.send(signal.SIGTERM)
    worker.hears("told to stop: what runs is finished, nothing else begins")  # in the child, not only above it
    yard.gate.touch()

    assert worker.exit_code() == 0
    assert running.state == "SUCCESS"
    assert [result.state for result in waiting] == ["PENDING"] * 3
    assert yard.stats().ready == 3
    yard.until_left(3)
    assert "it was told to stop" in worker.log


@on(ALL)
def test_a_task_longer_than_the_grace_goes_back_uncharged(yard):
    """A5."""
    result = yard.call("wait_once", str(yard.gate))
    worker = yard.start(worker_shutdown_timeout=0.5)
    yard.until_begun()

    worker.send(signal.SIGTERM)

    assert_it_went_back_uncharged(yard, worker, result)
    assert "children still run after worker_shutdown_timeout; killing them" in worker.log


@pytest.mark.parametrize(
    "signals",
    [
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGTERM, signal.SIGQUIT),
        (signal.SIGQUIT,),
    ],
    ids=lambda signals: " ".join(each.name for each in signals),
)
def test_a_second_stop_gives_the_running_task_back_uncharged(yard, signals):
    """A6."""
    result = yard.call("wait_once", str(yard.gate))
    worker = yard.start()
    yard.until_begun()

    for number, said in zip(signals, ["warm stop", "quick stop"][-len(signals) :], strict=True):
        worker.send(number)
        worker.hears(said)

    assert worker.exit_code() == 1
    assert_it_went_back_uncharged(yard, worker, result)


def assert_it_went_back_uncharged(yard, worker, result):
    worker.exit_code()
    assert "quick stop" in worker.log or "worker_shutdown_timeout" in worker.log
    assert result.state == "PENDING"
    consumer = yard.app.broker.consumer(["default"], id="test", lease=15.0)
    (delivery,) = consumer.fetch(1, 30.0)
    assert (delivery.message.id, delivery.crashes) == (result.id, 0)
    # What a dead connection held comes back by itself on RabbitMQ, and nobody says that it had not begun.
    assert delivery.suspect is False or not yard.holds_leases
    consumer.close()
