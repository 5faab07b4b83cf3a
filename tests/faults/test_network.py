"""A bad network between workers and their server: replies cut, connections half open, one-way, slow, torn."""

from __future__ import annotations

import time

import pytest
from faults.engines import SERVERS, on
from kernelq.testing import Proxy
from waiting import until

pytestmark = pytest.mark.faults

PUBLISHED = {"redis": b"faulty.square", "amqp": b"faulty.square", "postgresql": b"COMMIT"}
"""What is in the request whose answer says that a message was accepted."""


@pytest.fixture
def proxy(yard):
    """Before the server; workers started from now on go through it."""
    with Proxy("127.0.0.1", yard.server.port) as proxy:
        yard.route = yard.ground.through(proxy.port)
        yield proxy


@on(SERVERS)
def test_a_publish_whose_answer_was_lost_is_repeated_and_makes_one_task(yard, proxy):
    """B5: two runs at most on RabbitMQ, which does not tell ids apart."""
    client = yard.client(yard.route)
    client.send_task("faulty.square", (0,))
    proxy.cut_reply(PUBLISHED[yard.ground.engine])

    result = client.send_task("faulty.square", (3,))

    assert not proxy.is_armed
    assert yard.stats().ready == 2 if yard.holds_leases else 3
    yard.start()
    assert yard.app.AsyncResult(result.id).get(timeout=60) == 9
    yard.until_empty()
    assert len(yard.runs(result)) == (1 if yard.holds_leases else 2)


@on(("postgresql", "redis"))
def test_a_publish_repeated_after_its_task_has_ended_does_not_run_it_again(yard, proxy):
    """B5: the first publish arrived, and a worker was quicker than the client, which waits before it tries again."""
    yard.start()
    client = yard.client(yard.route)
    client.send_task("faulty.square", (0,))
    yard.until_begun()
    proxy.cut_reply(PUBLISHED[yard.ground.engine])

    result = client.send_task("faulty.square", (3,), retry_policy={"interval_start": 2.0, "timeout": 30.0})

    assert not proxy.is_armed
    assert yard.app.AsyncResult(result.id).get(timeout=60) == 9
    yard.until_empty()
    assert len(yard.runs(result)) == 1


@on(SERVERS)
def test_a_worker_that_lost_the_answer_to_whatever_it_asked_loses_and_doubles_nothing(yard, proxy):
    """B5: to a claim, a settlement or a renewal, whichever is next."""
    yard.start(concurrency=1)
    results = []
    for n in range(8):
        proxy.cut_reply()
        results.append(yard.call("square", n))
        until(lambda: not proxy.is_armed, f"a reply to be cut{yard.logs()}")
        yard.until_ready(results)

    assert [result.get(timeout=30) for result in results] == [n * n for n in range(8)]
    yard.until_empty()
    if yard.holds_leases:
        assert [len(yard.runs(result)) for result in results] == [1] * 8


@on(SERVERS)
def test_a_half_open_connection_is_noticed_and_replaced(yard, proxy):
    """B6: nothing comes any more and nothing is reset; an idle worker notices, and consumes once the way is free."""
    worker = yard.start()
    yard.call("square", 1).get(timeout=60)
    proxy.hole()

    worker.hears("lost the broker")
    proxy.heal()

    result = yard.call("square", 3)
    assert result.get(timeout=60) == 9


@pytest.mark.parametrize(("engine", "direction"), [("redis", "both"), *[(engine, "down") for engine in SERVERS]])
def test_a_worker_cut_off_for_longer_than_its_lease_is_refused(yard, proxy, direction):
    """B7: it may send and hears nothing, or neither; somebody else runs its task meanwhile."""
    result = yard.call("wait_once", str(yard.gate))
    cut_off = yard.start(concurrency=1)
    yard.until_begun()
    proxy.hole(direction)

    yard.route = yard.ground
    other = yard.start(concurrency=1)
    ran_in = result.get(timeout=60)
    yard.gate.touch()
    proxy.heal()

    cut_off.hears("was refused")
    assert ran_in in [child.pid for child in other.children()]
    assert yard.app.AsyncResult(result.id).get(timeout=1) == ran_in
    assert len(yard.runs(result)) == 2
    yard.until_empty()


@on(SERVERS)
def test_a_slow_network_is_slow_and_nothing_else(yard, proxy):
    """B9: latency and jitter, little bandwidth, packets of one byte."""
    workers = [yard.start(worker_lease=10.0) for _ in range(2)]
    results = []
    for weather in (lambda: proxy.delay(0.2, 0.2), lambda: proxy.limit(20_000), lambda: proxy.slice(1)):
        weather()
        some = yard.call_many([("square", n) for n in range(30)])
        results += some
        yard.until_ready(some)
        proxy.heal()

    yard.until_empty()
    assert [len(yard.runs(result)) for result in results] == [1] * 90
    assert not any(said in worker.log for worker in workers for said in ("had ended", "was refused", "lost the broker"))


@on(SERVERS)
def test_a_reset_in_the_middle_of_a_large_reply_leaves_nothing_behind(yard, proxy):
    """B10."""
    text = "x" * 50_000
    yard.start(concurrency=1)
    yard.call("square", 1).get(timeout=60)

    for nbytes in (1, 1_000, 60_000):
        proxy.reset_inside(nbytes)
        results = yard.call_many([("measure", text)] * 10)
        outcomes = yard.until_ready(results)
        proxy.heal()

        assert [outcome.state for outcome in outcomes] == ["SUCCESS"] * 10
        assert [result.get(timeout=30) for result in results] == [50_000] * 10
        if yard.holds_leases:
            assert [len(yard.runs(result)) for result in results] == [1] * 10
    yard.until_empty()


@pytest.mark.parametrize("engine", ["redis", "postgresql"])
def test_a_result_store_that_is_away_is_waited_for_and_the_task_runs_once(yard, proxy):
    """B17: the messages are in a file, the outcomes on the server."""
    yard.route = type(yard.ground)("mixed", f"sqlite:///{yard.folder}/kernelq.sqlite3", yard.route.backend, yard.server)
    client = yard.client(type(yard.ground)("mixed", yard.route.broker, yard.ground.backend, yard.server))
    worker = yard.start(worker_lease=10.0)
    assert client.send_task("faulty.square", (1,)).get(timeout=60) == 1

    proxy.refuse()
    result = client.send_task("faulty.square", (3,))
    worker.hears("lost the broker or the backend")
    proxy.heal()

    assert result.get(timeout=60) == 9
    assert len(yard.runs(result)) == 1
    until(lambda: not any(each.running or each.ready for each in client.broker.queues()), "the queue to be empty")


@on(("redis", "postgresql"))
def test_losing_the_wake_ups_costs_time_and_nothing_else(yard):
    """B18: the connections that are told of news die, those that work go on."""
    yard.start()
    gated = yard.call("sleep_until", str(yard.gate))
    yard.until_begun()

    begun = time.monotonic()
    yard.cut_wake_ups()
    yard.gate.touch()

    gated.get(timeout=60)
    yard.call("square", 3).get(timeout=60)
    print(f"{time.monotonic() - begun:.1f} s")
