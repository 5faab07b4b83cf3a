"""What Redis does with the marks of revoked tasks beyond the contract: how many commands, where it looks, what it leaves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from call_counts import calls_of
from kernelq import KernelQ, uuid
from kernelq.contracts import BrokerUnavailable, Consumer, Delivery, Message, Transition, Verdict
from kernelq.testing import Proxy
from kernelq_plugins.broker_redis.parcels import LONG_BYTES
from redis import Redis
from servers import RedisServer
from waiting import until

LONG = b"x" * LONG_BYTES
LATER = 4e9
"""An eta that does not come."""
ENOUGH = 600.0
"""Seconds a mark lasts that does not end in a test."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server whose settings tests may change."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def direct(server: RedisServer) -> Iterator[Redis]:
    """A client of the server, for looking at it."""
    with Redis(port=server.port, decode_responses=True) as client:
        yield client
        client.config_set("maxmemory", "0")


@pytest.fixture
def app(server: RedisServer) -> Iterator[KernelQ]:
    with _app(f"{server.url}?prefix={uuid()}") as app:
        yield app


@pytest.fixture
def consumer(app: KernelQ) -> Iterator[Consumer]:
    with closing(app.broker.consumer(["q"], id="c", lease=60)) as consumer:
        yield consumer


# --- round trips


def test_ten_thousand_are_marked_in_ten_calls(app: KernelQ, direct: Redis) -> None:
    app.broker.revoke(["known"], ENOUGH)
    names = [f"task-{i}" for i in range(10_000)]
    app.broker.publish([_message(name, eta=LATER + i) for i, name in enumerate(names[::10])])

    direct.config_resetstat()

    assert sorted(app.broker.revoke(names, ENOUGH)) == sorted(names[::10])

    stats = direct.info("commandstats")
    assert (stats["cmdstat_evalsha"]["calls"], stats.get("cmdstat_zscan")) == (10, None)
    assert [(each.ready, each.delayed) for each in app.broker.queues()] == [(1_000, 0)]


def test_what_is_held_is_looked_for_in_no_queue(app: KernelQ, consumer: Consumer) -> None:
    app.broker.publish([_message("later", eta=LATER), _message("held")])
    consumer.fetch(2, 0)
    app.broker.revoke(["known"], ENOUGH)

    assert calls_of(lambda: app.broker.revoke(["held"], ENOUGH))["sendall"] == 1
    assert app.broker.revoke(["held"], ENOUGH) == []


def test_marks_are_told_in_the_round_trip_that_takes_the_messages(app: KernelQ, consumer: Consumer) -> None:
    app.broker.publish([_message(str(i)) for i in range(20)])
    app.broker.revoke(["6", "15"], ENOUGH)
    _, first = consumer.exchange([_ack(each) for each in consumer.fetch(1, 0)], 4)  # the server knows the scripts

    taken: list[Delivery] = []
    fetching = calls_of(lambda: taken.extend(consumer.fetch(5, 0)))
    exchanging = calls_of(lambda: taken.extend(consumer.exchange([_ack(each) for each in first], 11)[1]))

    assert (fetching["sendall"], exchanging["sendall"]) == (1, 1)
    assert [_id(each) for each in taken if each.revoked] == ["6", "15"]


# --- where what waits for its eta is looked for


def test_of_many_messages_of_one_instant_one_becomes_ready(app: KernelQ, consumer: Consumer) -> None:
    app.broker.publish([_message(f"task-{i}", eta=LATER) for i in range(5_000)])

    assert app.broker.revoke(["task-4321", "task-7"], ENOUGH) == ["task-4321", "task-7"]

    assert _marks(consumer) == {"task-7": True, "task-4321": True}
    assert [each.delayed for each in app.broker.queues()] == [4_998]


def test_what_was_parked_becomes_ready(app: KernelQ, consumer: Consumer) -> None:
    app.broker.publish([_message("a")])
    consumer.settle([Transition(delivery=consumer.fetch(1, 0)[0], verdict=Verdict.PARK, delay=3_600.0)])
    assert consumer.fetch(1, 0) == []

    assert app.broker.revoke(["a"], ENOUGH) == ["a"]

    assert _marks(consumer) == {"a": True}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"body": LONG}, id="too long to be read"),
        pytest.param({"headers": {"at": time.gmtime(0), "when": 2**63}}, id="with large numbers"),
        pytest.param({"headers": {"nested": [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}}, id="nested"),
        pytest.param({"eta": 4_000_000_000}, id="a whole number of seconds"),
        pytest.param({"eta": 4_000_000_000.1234567}, id="a fraction of a second"),
        pytest.param({"priority": 9, "queue": "other"}, id="elsewhere"),
    ],
)
def test_what_waits_for_its_eta_becomes_ready_whatever_it_is(app: KernelQ, fields: dict[str, Any]) -> None:
    app.broker.publish([_message("b", eta=LATER + 1), _message("a", **{"eta": LATER, **fields})])

    assert app.broker.revoke(["a"], ENOUGH) == ["a"]

    with closing(app.broker.consumer(["q", "other"], id="c", lease=60)) as consumer:
        assert _marks(consumer) == {"a": True}


def test_bytes_that_are_no_message_become_ready_too_and_bear_no_mark(
    app: KernelQ, consumer: Consumer, direct: Redis
) -> None:
    app.broker.publish([_message("a", eta=LATER)])
    direct.hset(_key(app, "messages"), "a", "\xc1garbage")

    assert app.broker.revoke(["a"], ENOUGH) == ["a"]

    assert [each.revoked for each in consumer.fetch(1, 0)] == [False]


# --- marks


def test_a_long_message_bears_its_mark(app: KernelQ, consumer: Consumer) -> None:
    app.broker.publish([_message("a", body=LONG), _message("b", body=LONG)])

    assert app.broker.revoke(["a"], ENOUGH) == ["a"]

    assert _marks(consumer) == {"a": True, "b": False}


def test_a_claim_that_is_repeated_tells_of_marks_made_meanwhile(
    server: RedisServer, app: KernelQ, consumer: Consumer
) -> None:
    app.broker.publish([_message("a"), _message("b")])
    with Proxy("127.0.0.1", server.port) as proxy, _app(proxy.url(app.broker_url)) as far:
        far.conf.broker_connection_timeout = 1.0
        lost = far.broker.consumer(["q"], id="far", lease=60)
        assert [_id(each) for each in lost.fetch(1, 0)] == ["a"]
        proxy.hole("down")  # carried out, and never answered
        with pytest.raises(BrokerUnavailable):
            lost.fetch(1, 0)
        proxy.heal()

        app.broker.revoke(["b"], ENOUGH)

        assert _marks(lost) == {"b": True}
        lost.close()


def test_marks_that_ended_are_dropped_by_the_next(app: KernelQ, direct: Redis) -> None:
    app.broker.revoke([str(i) for i in range(100)], 0.001)
    marks = _key(app, "revoked")

    until(lambda: app.broker.revoke(["a"], ENOUGH) == [] and direct.zcard(marks) == 1)

    assert direct.zrange(marks, 0, -1) == ["a"]


def test_marks_are_no_reason_why_a_queue_is_known(app: KernelQ, direct: Redis) -> None:
    app.broker.revoke(["a"], ENOUGH)

    assert app.broker.queues() == []
    assert direct.keys(_key(app, "*").replace("{", "[{]")) == [_key(app, "revoked")]


def test_tasks_are_revoked_though_the_memory_is_full(app: KernelQ, consumer: Consumer, direct: Redis) -> None:
    app.broker.publish([_message("a", eta=LATER)])
    consumer.fetch(1, 0)
    direct.config_set("maxmemory", "1")

    assert app.broker.revoke(["a"], ENOUGH) == ["a"]

    assert _marks(consumer) == {"a": True}


def _app(url: str) -> KernelQ:
    return KernelQ("redis", broker=url, backend=url, set_as_current=False)


def _message(id: str, **fields: Any) -> Message:
    return Message(**{"id": id, "task": "tests.add", "body": b"[[], {}, {}]", "queue": "q", **fields})


def _marks(consumer: Consumer) -> dict[str, bool]:
    """Of all that can be taken now: task id → whether it came as revoked."""
    return {_id(each): each.revoked for each in consumer.fetch(100, 0)}


def _ack(delivery: Delivery) -> Transition:
    return Transition(delivery=delivery)


def _id(delivery: Delivery) -> str:
    assert isinstance(delivery.message, Message)
    return delivery.message.id


def _key(app: KernelQ, name: str) -> str:
    key: str = app.broker.space.key(name)  # type: ignore[attr-defined]  # a Redis broker's
    return key
