"""What is long goes around Lua, in the transaction that publishes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from call_counts import calls_of
from kernelq import KernelQ, uuid
from kernelq.contracts import BrokerFull, BrokerUnavailable, Consumer, Message, Transition, Verdict
from kernelq.testing import Proxy
from kernelq_plugins.broker_redis.parcels import LONG_BYTES
from redis import Redis
from servers import RedisServer

LONG = b"x" * LONG_BYTES


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


@pytest.fixture
def app(server: RedisServer) -> Iterator[KernelQ]:
    with _app(server.url) as app:
        yield app


@pytest.fixture
def consumer(app: KernelQ) -> Iterator[Consumer]:
    with closing(app.broker.consumer(["q"], id="c", lease=60)) as consumer:
        yield consumer


def test_long_and_short_messages_come_in_the_order_they_were_published(app: KernelQ, consumer: Consumer) -> None:
    app.broker.publish([_message("a"), _message("b", LONG), _message("c")])
    app.broker.publish([_message("d", LONG)])
    app.broker.publish([_message("e")])

    assert _taken(consumer) == {"a": b"", "b": LONG, "c": b"", "d": LONG, "e": b""}


def test_a_long_message_is_published_in_one_packet_and_not_given_to_lua(app: KernelQ, direct: Redis) -> None:
    app.broker.publish([_message("a", LONG)])
    direct.config_resetstat()

    calls = calls_of(lambda: app.broker.publish([_message("b", LONG)]))

    assert calls["sendall"] == 1
    stats = direct.info("commandstats")
    assert {stats[f"cmdstat_{name}"]["calls"] for name in ("multi", "eval", "hsetnx", "exec")} == {1}


def test_a_message_whose_key_waits_or_is_held_is_not_replaced_by_a_long_one(app: KernelQ, consumer: Consumer) -> None:
    app.broker.publish([_message("a", b"1")])
    app.broker.publish([_message("a", b"2" + LONG)])
    app.broker.publish([_message("a", b"3" + LONG), _message("b", b"4" + LONG), _message("b", b"5" + LONG)])

    assert _taken(consumer) == {"a": b"1", "b": b"4" + LONG}

    app.broker.publish([_message("b", b"6" + LONG)])
    assert consumer.fetch(9, 0) == []


def test_a_long_message_with_an_eta_waits(app: KernelQ, consumer: Consumer) -> None:
    app.broker.publish([_message("a", LONG, eta=4e9), _message("b", LONG, eta=1.0)])

    assert _taken(consumer) == {"b": LONG}
    [stats] = app.broker.queues()
    assert (stats.delayed, stats.running) == (1, 1)


def test_nothing_is_left_of_a_long_message_that_was_settled(app: KernelQ, consumer: Consumer, direct: Redis) -> None:
    app.broker.publish([_message("a", LONG)])
    [delivery] = consumer.fetch(1, 0)

    assert consumer.settle([Transition(delivery=delivery, verdict=Verdict.ACK)]) == []

    assert direct.hlen(app.broker.space.key("messages")) == 0  # type: ignore[attr-defined]  # a Redis broker's


def test_a_full_server_takes_no_part_of_a_long_message(app: KernelQ, direct: Redis) -> None:
    app.broker.publish([_message("a", LONG)])
    direct.config_set("maxmemory", "1")
    try:
        for messages in ([_message("b", LONG)], [_message("c"), _message("d", LONG)]):
            with pytest.raises(BrokerFull):
                app.broker.publish(messages)
    finally:
        direct.config_set("maxmemory", "0")

    assert [stats.ready for stats in app.broker.queues()] == [1]
    assert direct.hlen(app.broker.space.key("messages")) == 1  # type: ignore[attr-defined]
    app.broker.publish([_message("b", LONG)])
    assert [stats.ready for stats in app.broker.queues()] == [2]


def test_a_server_that_was_told_to_forget_its_scripts_takes_a_long_message(
    app: KernelQ, consumer: Consumer, direct: Redis
) -> None:
    app.broker.publish([_message("a", LONG)])
    direct.script_flush()

    app.broker.publish([_message("b", LONG)])

    assert _taken(consumer) == {"a": LONG, "b": LONG}


def test_a_lost_answer_is_told_and_publishing_again_doubles_nothing(server: RedisServer) -> None:
    with Proxy("127.0.0.1", server.port) as proxy, _app(proxy.url(server.url)) as app:
        app.broker.publish([_message("a", LONG)])
        proxy.cut_reply(b"MULTI")

        with pytest.raises(BrokerUnavailable):
            app.broker.publish([_message("b", LONG)])
        app.broker.publish([_message("b", LONG)])

        with closing(app.broker.consumer(["q"], id="c", lease=60)) as consumer:
            assert _taken(consumer) == {"a": LONG, "b": LONG}


def test_a_user_who_may_not_begin_transactions_publishes_through_the_script(server: RedisServer, direct: Redis) -> None:
    user = f"plain-{uuid()}"
    direct.acl_setuser(
        user, enabled=True, passwords=["+secret"], keys=["*"], categories=["+@all", "-@transaction"], channels=["*"]
    )
    with _app(server.url.replace("//", f"//{user}:secret@")) as app:
        app.broker.publish([_message("a", LONG)])
        app.broker.publish([_message("b"), _message("c", LONG)])

        with closing(app.broker.consumer(["q"], id="c", lease=60)) as consumer:
            assert _taken(consumer) == {"a": LONG, "b": b"", "c": LONG}
    direct.acl_deluser(user)


def _app(url: str) -> KernelQ:
    return KernelQ("redis", broker=f"{url}?prefix={uuid()}", set_as_current=False)


def _message(id: str, body: bytes = b"", **fields: Any) -> Message:
    return Message(id=id, task="tests.add", body=body, queue="q", **fields)


def _taken(consumer: Consumer) -> dict[str, bytes]:
    taken = {}
    for delivery in consumer.fetch(100, 0):
        assert isinstance(delivery.message, Message)
        taken[delivery.message.id] = delivery.message.body
    return taken
