"""What those who wait for nothing cost a Redis server: each turn of theirs is a few commands, scripts' ones counted too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from kernelq import KernelQ, uuid
from kernelq.contracts import Consumer, Message, Transition
from kernelq_plugins.broker_redis.consumer import RedisConsumer
from kernelq_plugins.workflows_redis.store import RedisWorkflowStore
from redis import Redis
from servers import RedisServer


@pytest.fixture
def app(redis_server: RedisServer) -> Iterator[KernelQ]:
    url = f"{redis_server.url}?prefix={uuid()}"
    with KernelQ("redis", broker=url, backend=url, set_as_current=False) as app:
        yield app


@pytest.fixture
def direct(redis_server: RedisServer) -> Iterator[Redis]:
    with Redis.from_url(redis_server.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def idle(app: KernelQ) -> Iterator[Consumer]:
    """A consumer that took something once, and has found nothing since."""
    with closing(app.broker.consumer(["q"], id="idle", lease=60)) as consumer:
        app.broker.publish([_message("first")])
        consumer.settle([Transition(delivery=delivery) for delivery in consumer.fetch(1, 1)])
        assert consumer.fetch(1, 0.01) == []
        yield consumer


def test_a_look_finds_what_a_lost_ring_was_for(app: KernelQ, idle: Consumer, direct: Redis) -> None:
    direct.delete(_key(app, "waiting:q"))  # as if it had been rung and had not heard
    app.broker.publish([_message("a")])

    assert _look(idle) == ["a"]


def test_a_look_puts_down_again_who_was_rung_and_did_not_hear(app: KernelQ, idle: Consumer, direct: Redis) -> None:
    direct.delete(_key(app, "waiting:q"))

    assert _look(idle) == []

    assert direct.zscore(_key(app, "waiting:q"), "idle") is not None


def test_a_look_learns_when_what_waits_for_later_is_due(app: KernelQ, idle: Consumer, direct: Redis) -> None:
    direct.delete(_key(app, "waiting:q"))
    app.broker.publish([_message("later", eta=4e9)])
    assert _calls_of(direct, lambda: _look(idle))["evalsha"] == 1


def test_a_look_sees_that_somebody_holds_something_and_takes_it_back_in_time(app: KernelQ, idle: Consumer) -> None:
    with closing(app.broker.consumer(["q"], id="lost", lease=0.3)) as lost:
        app.broker.publish([_message("a")])
        assert len(lost.fetch(1, 0)) == 1

        assert _look(idle) == []  # but for how long that lease lasts
        assert [_id(delivery) for delivery in idle.fetch(1, 15.0)] == ["a"]  # a look of its own came after 20 s


def test_a_look_sees_it_too_when_the_lease_that_was_to_end_first_is_that_of_the_lost_one(app: KernelQ) -> None:
    with (
        closing(app.broker.consumer(["q"], id="lost", lease=0.3)) as lost,
        closing(app.broker.consumer(["q"], id="watch", lease=60)) as watch,
    ):
        app.broker.publish([_message("first")])
        lost.settle([Transition(delivery=delivery) for delivery in lost.fetch(1, 1)])
        assert lost.fetch(1, 0.01) == watch.fetch(1, 0.01) == []
        app.broker.publish([_message("a")])
        assert len(lost.fetch(1, 0)) == 1

        assert _look(watch) == []
        assert [_id(delivery) for delivery in watch.fetch(1, 15.0)] == ["a"]


def test_a_full_server_is_looked_at_by_a_claim(idle: Consumer, redis_server: RedisServer, direct: Redis) -> None:
    direct.config_set("maxmemory", "1")
    try:
        assert _look(idle) == []
    finally:
        direct.config_set("maxmemory", "0")


def test_who_never_took_anything_is_renewed_by_one_command(app: KernelQ, idle: Consumer, direct: Redis) -> None:
    with closing(app.broker.consumer(["q"], id="new", lease=60)) as new:
        assert new.fetch(1, 0.01) == []

        assert _calls_of(direct, lambda: app.broker.renew(["idle", "new"])) == {"zmscore": 1}
        assert app.broker.renew(["idle", "new"]) == ["new"]


def test_a_sweep_is_one_command_while_no_workflow_is_open(app: KernelQ, direct: Redis) -> None:
    assert app.backend_url is not None
    store = RedisWorkflowStore(app, app.backend_url)
    store.overdue(fired=60.0, open=60.0)

    assert _calls_of(direct, lambda: store.overdue(fired=60.0, open=60.0)) == {"exists": 1}


def _look(consumer: Consumer) -> list[str]:
    """What it takes when the time of a look of its own has come."""
    assert isinstance(consumer, RedisConsumer)
    consumer._look_at = 0.0
    deliveries = consumer.fetch(1, 0.01)
    return [_id(delivery) for delivery in deliveries]


def _calls_of(direct: Redis, act: Callable[[], object]) -> dict[str, int]:
    """How often each command was called while `act` ran, by clients and in scripts."""
    before = _calls(direct)
    act()
    return dict(_calls(direct) - before)


def _calls(direct: Redis) -> Counter[str]:
    stats = direct.info("commandstats")
    ours = ("cmdstat_info", "cmdstat_hello", "cmdstat_client|setinfo", "cmdstat_ping")
    return Counter({name.removeprefix("cmdstat_"): stat["calls"] for name, stat in stats.items() if name not in ours})


def _key(app: KernelQ, name: str) -> str:
    key: str = app.broker.space.key(name)  # type: ignore[attr-defined]  # a Redis broker's
    return key


def _message(id: str, eta: float | None = None) -> Message:
    return Message(id=id, task="t", body=b"", queue="q", eta=eta)


def _id(delivery: Any) -> str:
    message = delivery.message
    assert isinstance(message, Message)
    return message.id
