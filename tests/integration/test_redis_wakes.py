"""Who is woken in Redis for what follows from what was settled, when its settler takes more in the same round trip."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from kernelq import KernelQ, uuid
from kernelq.contracts import Consumer, Delivery, Message, Transition
from redis import Redis
from servers import RedisServer
from waiting import until

LONG = 10.0
"""Seconds a consumer waits at most: less than until it would look by itself."""


@pytest.fixture
def app(redis_server: RedisServer) -> Iterator[KernelQ]:
    with KernelQ("redis", broker=f"{redis_server.url}?prefix={uuid()}", set_as_current=False) as app:
        yield app


@pytest.fixture
def direct(redis_server: RedisServer) -> Iterator[Redis]:
    with Redis.from_url(redis_server.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def busy(app: KernelQ) -> Iterator[Consumer]:
    with closing(app.broker.consumer(["q"], id="busy", lease=60)) as consumer:
        yield consumer


class Waiting:
    """Another consumer that waits; `found` is what it got in the end, None till then."""

    def __init__(self, app: KernelQ, direct: Redis) -> None:
        self.found: list[str] | None = None
        self._app = app
        self._key: str = app.broker.space.key("waiting:q")  # type: ignore[attr-defined]  # a Redis broker's
        self._thread = threading.Thread(target=self._wait)
        self._thread.start()
        until(lambda: self.since(direct))

    def since(self, direct: Redis) -> float | None:
        """Since when it is down as waiting; None when it was woken."""
        return direct.zscore(self._key, "idle")

    def end(self) -> list[str]:
        self._thread.join()
        assert self.found is not None
        return self.found

    def _wait(self) -> None:
        with closing(self._app.broker.consumer(["q"], id="idle", lease=60)) as consumer:
            deliveries = consumer.fetch(10, LONG)
            consumer.settle([Transition(delivery=delivery) for delivery in deliveries])
            self.found = [_id(delivery) for delivery in deliveries]


def test_nobody_is_woken_for_what_the_settler_takes_itself(app: KernelQ, direct: Redis, busy: Consumer) -> None:
    first = _taken(app, busy)
    idle = Waiting(app, direct)
    since = idle.since(direct)

    _, taken = busy.exchange([Transition(delivery=first, successors=(_message("b"),))], 10)

    assert [_id(each) for each in taken] == ["b"]
    assert idle.since(direct) == since
    app.broker.publish([_message("c")])
    assert idle.end() == ["c"]


def test_another_is_woken_for_what_the_settler_leaves(app: KernelQ, direct: Redis, busy: Consumer) -> None:
    first = _taken(app, busy)
    idle = Waiting(app, direct)

    _, taken = busy.exchange([Transition(delivery=first, successors=(_message("b"), _message("c")))], 1)

    assert [_id(each) for each in taken] == ["b"]
    assert idle.end() == ["c"]


def test_another_is_woken_when_the_server_forgot_how_to_settle(app: KernelQ, direct: Redis, busy: Consumer) -> None:
    first = _taken(app, busy)
    idle = Waiting(app, direct)
    direct.script_flush()
    assert busy.fetch(1, 0) == []  # it knows how to claim, and so will do that before it settles

    _, taken = busy.exchange([Transition(delivery=first, successors=(_message("b"),))], 1)

    assert taken == []
    assert idle.end() == ["b"]


def test_another_is_woken_for_what_follows_later(app: KernelQ, direct: Redis, busy: Consumer) -> None:
    first = _taken(app, busy)
    idle = Waiting(app, direct)

    busy.exchange([Transition(delivery=first, successors=(_message("b", eta=time.time() + 0.2),))], 1)

    assert idle.end() == ["b"]


def _taken(app: KernelQ, consumer: Consumer) -> Delivery:
    """A delivery, after the server has learnt all scripts."""
    app.broker.publish([_message("first")])
    [delivery] = consumer.fetch(1, 0)
    consumer.settle([Transition(delivery=delivery)])
    app.broker.publish([_message("a")])
    [delivery] = consumer.fetch(1, 0)
    return delivery


def _message(id: str, eta: float | None = None) -> Message:
    return Message(id=id, task="t", body=b"", queue="q", eta=eta)


def _id(delivery: Delivery) -> str:
    message = delivery.message
    assert isinstance(message, Message)
    return message.id
