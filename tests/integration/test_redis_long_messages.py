"""What is long goes around Lua: in the transaction that publishes it, and by a command of its own to who takes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from call_counts import calls_of
from kernelq import KernelQ, uuid
from kernelq.contracts import (
    BrokerError,
    BrokerFull,
    BrokerUnavailable,
    Consumer,
    Delivery,
    Message,
    Transition,
    Undecodable,
    Verdict,
    pack,
)  # fmt: skip
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
    assert {stats[f"cmdstat_{name}"]["calls"] for name in ("multi", "eval", "exec")} == {1}
    assert stats["cmdstat_hsetnx"]["calls"] == 2  # the script's, of nothing, and the one beside it


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

    assert _kept(app, direct) == (0, 0)


def test_nothing_is_left_of_a_long_message_that_was_refused_for_a_short_one(
    app: KernelQ, consumer: Consumer, direct: Redis
) -> None:
    app.broker.publish([_message("a", b"short")])
    app.broker.publish([_message("a", LONG)])

    _settle(consumer, Verdict.ACK)

    assert _kept(app, direct) == (0, 0)


def test_short_messages_are_taken_in_one_round_trip_and_with_long_ones_among_them_in_two(
    app: KernelQ, consumer: Consumer
) -> None:
    app.broker.publish([_message(str(i)) for i in range(20)])
    app.broker.publish([_message(f"long-{i}", LONG) for i in range(10)])
    assert len(consumer.fetch(10, 0)) == 10  # the server knows the script

    assert calls_of(lambda: consumer.fetch(9, 0))["sendall"] == 1
    assert calls_of(lambda: consumer.fetch(11, 0))["sendall"] == 2


def test_a_long_message_is_not_given_to_lua_when_it_is_taken(app: KernelQ, consumer: Consumer, direct: Redis) -> None:
    app.broker.publish([_message(id, LONG) for id in "ab"])

    assert len(consumer.fetch(2, 0)) == 2

    key = app.broker.space.key  # type: ignore[attr-defined]  # a Redis broker's
    assert set(direct.hvals(key("messages"))) == {""}
    assert direct.hlen(key("longs")) == 2


@pytest.mark.parametrize("verdict", [Verdict.REQUEUE, Verdict.CRASHED, Verdict.PARK])
def test_a_long_message_comes_back_whole(app: KernelQ, consumer: Consumer, direct: Redis, verdict: Verdict) -> None:
    app.broker.publish([_message("a", LONG)])

    _settle(consumer, verdict, delay=0.01)

    [delivery] = consumer.fetch(1, 30)
    assert delivery.message == _message("a", LONG)
    consumer.settle([Transition(delivery=delivery)])
    assert _kept(app, direct) == (0, 0)


def test_a_long_message_whose_lease_ended_comes_whole_to_another_consumer(app: KernelQ, consumer: Consumer) -> None:
    with closing(app.broker.consumer(["q"], id="lost", lease=0.01)) as lost:
        app.broker.publish([_message("a", LONG)])
        assert len(lost.fetch(1, 0)) == 1

        [delivery] = consumer.fetch(1, 30)

    assert (delivery.message, delivery.suspect) == (_message("a", LONG), True)


def test_a_long_message_dies_and_is_revived_whole(app: KernelQ, consumer: Consumer, direct: Redis) -> None:
    app.broker.publish([_message("a", LONG)])

    _settle(consumer, Verdict.DEAD)

    assert _kept(app, direct) == (0, 0)
    [letter] = app.broker.dead()
    assert letter.message == _message("a", LONG)
    assert app.broker.dead_retry([letter.ref]) == 1
    assert _taken(consumer) == {"a": LONG}


def test_purging_drops_long_messages_ready_and_delayed(app: KernelQ, direct: Redis) -> None:
    app.broker.publish([_message("a", LONG), _message("b", LONG, eta=4e9), _message("c")])

    assert app.broker.purge("q") == 3

    assert _kept(app, direct) == (0, 0)


def test_long_messages_are_taken_over_whole(app: KernelQ, consumer: Consumer) -> None:
    with closing(app.broker.consumer(["q"], id="heir", lease=60)) as heir:
        app.broker.publish([_message("a", LONG), _message("b")])
        assert len(consumer.fetch(2, 0)) == 2

        taken = heir.take_over(consumer.id)

        assert [delivery.message for delivery in taken] == [_message("a", LONG), _message("b")]
        assert heir.settle([Transition(delivery=delivery) for delivery in taken]) == []


def test_a_successor_may_bear_the_key_of_the_long_message_it_follows(app: KernelQ, consumer: Consumer) -> None:
    app.broker.publish([_message("a", LONG)])

    [delivery] = consumer.fetch(1, 0)
    consumer.settle([Transition(delivery=delivery, successors=(_message("a", b"next" + LONG),))])

    assert _taken(consumer) == {"a": b"next" + LONG}


def test_a_long_message_that_an_older_version_published_is_taken(
    app: KernelQ, consumer: Consumer, direct: Redis
) -> None:
    app.broker.publish([_message("a")])
    key = app.broker.space.key("messages")  # type: ignore[attr-defined]
    direct.hset(key, "a", pack(_message("a", LONG)))

    assert _taken(consumer) == {"a": LONG}


def test_what_is_left_of_a_transaction_whose_script_failed_is_nobodys_message(
    app: KernelQ, consumer: Consumer, direct: Redis
) -> None:
    key = app.broker.space.key("longs")  # type: ignore[attr-defined]
    for id in "ab":
        direct.hset(key, id, pack(_message(id, b"left")))

    app.broker.publish([_message("a", LONG)])
    app.broker.publish([_message("b", LONG), _message("c")])

    assert _taken(consumer) == {"a": LONG, "b": LONG, "c": b""}


def test_a_message_of_no_bytes_is_undecodable(app: KernelQ, consumer: Consumer, direct: Redis) -> None:
    app.broker.publish([_message("a"), _message("b", LONG)])
    direct.hset(app.broker.space.key("messages"), "a", b"")  # type: ignore[attr-defined]

    nothing, whole = consumer.fetch(2, 0)

    assert isinstance(nothing.message, Undecodable)
    assert whole.message == _message("b", LONG)
    assert consumer.settle([Transition(delivery=nothing, verdict=Verdict.DEAD)]) == []
    assert [letter.raw for letter in app.broker.dead()] == [b""]


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


def test_long_messages_are_asked_for_once_more_when_the_connection_breaks(server: RedisServer, app: KernelQ) -> None:
    app.broker.publish([_message("a"), _message("b", LONG)])
    with (
        Proxy("127.0.0.1", server.port) as proxy,
        KernelQ(broker=proxy.url(app.broker_url), set_as_current=False) as far,
        closing(far.broker.consumer(["q"], id="far", lease=60)) as consumer,
    ):
        proxy.cut_reply(b"$5\r\nHMGET")

        assert _taken(consumer) == {"a": b"", "b": LONG}
        assert not proxy.is_armed


@pytest.mark.parametrize("error", [BrokerUnavailable, BrokerError])
def test_a_fetch_whose_long_messages_did_not_come_is_repeated_by_the_next(
    app: KernelQ, consumer: Consumer, monkeypatch: pytest.MonkeyPatch, error: type[BrokerError]
) -> None:
    app.broker.publish([_message("a"), _message("b", LONG), _message("c", LONG)])

    with _no_longs(app, monkeypatch, error), pytest.raises(error):
        consumer.fetch(2, 30)

    heir = app.broker.consumer(["q"], id=consumer.id, lease=60)
    assert [_id(delivery) for delivery in heir.fetch(1, 0)] == ["a", "b"]
    assert [_id(delivery) for delivery in heir.fetch(9, 0)] == ["c"]


def test_who_waited_looks_at_once_after_long_messages_did_not_come(
    app: KernelQ, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert consumer.fetch(1, 0.01) == []
    app.broker.publish([_message("a", LONG)])
    with _no_longs(app, monkeypatch), pytest.raises(BrokerUnavailable):
        consumer.fetch(1, 0)

    calls = calls_of(lambda: consumer.fetch(1, 30))

    assert (calls["_claim"], calls["_wait"]) == (1, 0)


def test_an_exchange_whose_long_messages_did_not_come_tells_what_was_settled(
    app: KernelQ, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.broker.publish([_message("first")])
    [first] = consumer.fetch(1, 0)
    app.broker.publish([_message("a"), _message("b", LONG), _message("c", LONG)])
    twice = [Transition(delivery=first), Transition(delivery=first)]

    with _no_longs(app, monkeypatch):
        assert consumer.exchange(twice, 2) == (twice[1:], [])

    assert [_id(delivery) for delivery in consumer.exchange([], 1)[1]] == ["a", "b"]
    assert [_id(delivery) for delivery in consumer.exchange([], 9)[1]] == ["c"]


def test_a_take_over_whose_long_messages_did_not_come_is_repeated_by_the_next_fetch(
    app: KernelQ, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.broker.publish([_message("a"), _message("b", LONG)])
    consumer.fetch(2, 0)
    with closing(app.broker.consumer(["q"], id="heir", lease=60)) as heir:
        with _no_longs(app, monkeypatch), pytest.raises(BrokerUnavailable):
            heir.take_over(consumer.id)

        assert _taken(heir) == {"a": b"", "b": LONG}


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


@contextmanager
def _no_longs(
    app: KernelQ, monkeypatch: pytest.MonkeyPatch, error: type[BrokerError] = BrokerUnavailable
) -> Iterator[None]:
    """A time in which plain commands fail, and scripts do not."""

    def fail(*words: object) -> None:
        raise error("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(app.broker.space, "call", fail)  # type: ignore[attr-defined]  # a Redis broker's
        yield


def _kept(app: KernelQ, direct: Redis) -> tuple[int, int]:
    """How many the hashes of messages and of long ones have."""
    key = app.broker.space.key  # type: ignore[attr-defined]
    return direct.hlen(key("messages")), direct.hlen(key("longs"))


def _settle(consumer: Consumer, verdict: Verdict, **fields: Any) -> None:
    """Take one message and end its attempt so."""
    [delivery] = consumer.fetch(1, 0)
    assert consumer.settle([Transition(delivery=delivery, verdict=verdict, **fields)]) == []


def _id(delivery: Delivery) -> str:
    assert isinstance(delivery.message, Message)
    return delivery.message.id


def _message(id: str, body: bytes = b"", **fields: Any) -> Message:
    return Message(id=id, task="tests.add", body=body, queue="q", **fields)


def _taken(consumer: Consumer) -> dict[str, bytes]:
    taken = {}
    for delivery in consumer.fetch(100, 0):
        assert isinstance(delivery.message, Message)
        taken[delivery.message.id] = delivery.message.body
    return taken
