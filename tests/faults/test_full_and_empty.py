"""Servers that are full, set up to forget, or emptied under their workers."""

from __future__ import annotations

import pytest
from faults.engines import on
from kernelq.errors import BrokerFull
from waiting import until

pytestmark = pytest.mark.faults


@pytest.fixture
def cramped(yard):
    """How to let the server have no room, and some again; it has room in the end."""

    def redis(is_full):
        yard.redis("CONFIG", "SET", "maxmemory", "1" if is_full else "0")

    def rabbit(is_full):
        yard.server.control("set_vm_memory_high_watermark", *(["absolute", "1"] if is_full else ["0.4"]))

    cramp = {"redis": redis, "amqp": rabbit}[yard.ground.engine]
    yield cramp
    cramp(False)


@on(("redis", "amqp"))
def test_a_full_server_refuses_what_is_new_and_takes_what_ends(yard, cramped):
    """B11: the call fails with an error that says so and may be tried again; what runs is settled as always."""
    running = yard.call("sleep_until", str(yard.gate))
    yard.start()
    yard.until_begun()

    cramped(True)
    with pytest.raises(BrokerFull) as caught:
        until(lambda: yard.call("square", 1) is None, "a call to be refused")
    yard.gate.touch()
    if yard.ground.engine == "amqp":  # its outcomes are in a file
        assert running.get(timeout=60) > 0
    cramped(False)

    assert f"127.0.0.1:{yard.server.port}" in str(caught.value)
    assert running.get(timeout=60) > 0
    assert yard.call("square", 3).get(timeout=60) == 9
    yard.until_empty()
    assert len(yard.runs(running)) == 1


@on(("redis",))
def test_a_worker_does_not_start_on_a_server_that_may_evict_messages(yard):
    """B12."""
    yard.redis("CONFIG", "SET", "maxmemory", "100mb")
    yard.redis("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        worker = yard.start(wait=False)

        assert worker.exit_code() == 1
        assert "maxmemory-policy" in worker.log
        assert "allkeys-lru" in worker.log
    finally:
        yard.redis("CONFIG", "SET", "maxmemory-policy", "noeviction")
        yard.redis("CONFIG", "SET", "maxmemory", "0")


@on(("redis", "amqp"))
def test_a_server_emptied_under_its_workers_is_used_on(yard):
    """B15: all keys flushed, the queue deleted; what was in it is lost, what comes is run, by every worker."""
    workers = [yard.start(concurrency=1) for _ in range(2)]
    yard.call("square", 1).get(timeout=60)

    if yard.ground.engine == "redis":
        yard.redis("FLUSHALL")
    else:
        yard.server.control("delete_queue", "-p", yard.ground.broker.rsplit("/", 1)[1], "default")
        # A queue that is there again before its consumers were told swallows what it delivers: RabbitMQ's own doing.
        for worker in workers:
            worker.hears("was deleted on the server")

    gated = [yard.call("sleep_until", str(yard.gate)) for _ in range(2)]
    yard.until_begun(3)
    yard.gate.touch()
    assert {result.get(timeout=60) for result in gated} == {
        child.pid for worker in workers for child in worker.children()
    }
    yard.until_empty()
