"""Behaviours b20–b39: what fetching promises about order, waiting and waking."""

from __future__ import annotations

import random
import time

import pytest
from kernelq.contracts import Broker

from .behaviour import requires
from .broker_bench import BrokerBench, Consume
from .elsewhere import PATIENCE, soon
from .samples import ids, message, messages

MOMENT = 0.4
"""Seconds an eta lies ahead that a test waits for."""
HOUR = 3600.0


class Fetching(BrokerBench):
    """Messages come out: in order, up to the limit, as soon as they may."""

    def test_b20_the_oldest_comes_first(self, broker: Broker, consume: Consume) -> None:
        for id in "cab":
            broker.publish([message(id)])

        assert ids(consume().fetch(10, 0)) == ["c", "a", "b"]

    @requires("priorities")
    def test_b21_the_highest_priority_comes_first(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message("low"), message("high", priority=9), message("next low")])

        assert ids(consume().fetch(10, 0)) == ["high", "low", "next low"]

    @requires("priorities")
    def test_b22_priority_decides_before_age_in_every_batch(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish([message("a", priority=0), message("b", priority=5)])
        assert ids(consumer.fetch(1, 0)) == ["b"]

        broker.publish([message("c", priority=5)])

        assert ids(consumer.fetch(2, 0)) == ["c", "a"]

    def test_b23_a_consumer_takes_from_all_its_queues(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message(id, queue=queue) for id, queue in [("a", "x"), ("b", "y"), ("c", "z")]])

        assert sorted(ids(consume("x", "z").fetch(10, 0))) == ["a", "c"]

    def test_b24_no_more_than_the_limit_is_taken(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish(messages("abcde"))

        assert ids(consumer.fetch(2, 0)) == ["a", "b"]
        assert ids(consumer.fetch(2, 0)) == ["c", "d"]
        assert ids(consumer.fetch(2, 0)) == ["e"]

    def test_b25_a_fetch_gives_up_after_its_timeout(self, consume: Consume) -> None:
        consumer = consume()
        started = time.monotonic()

        assert consumer.fetch(1, 0.2) == []

        assert 0.15 < time.monotonic() - started < PATIENCE

    def test_b26_a_waiting_fetch_returns_when_a_message_is_published(self, broker: Broker, consume: Consume) -> None:
        with soon(broker.publish, [message("a")]):
            deliveries = consume().fetch(1, PATIENCE)

        assert ids(deliveries) == ["a"]

    def test_b27_a_waiting_fetch_is_woken(self, consume: Consume) -> None:
        consumer, started = consume(), time.monotonic()

        with soon(consumer.wake):
            assert consumer.fetch(1, PATIENCE) == []

        assert time.monotonic() - started < PATIENCE / 2

    def test_b28_a_wake_before_a_fetch_ends_that_one_only(self, consume: Consume) -> None:
        consumer, started = consume(), time.monotonic()
        consumer.wake()

        assert consumer.fetch(1, PATIENCE) == []
        assert time.monotonic() - started < PATIENCE / 2

        started = time.monotonic()
        assert consumer.fetch(1, 0.2) == []
        assert time.monotonic() - started > 0.15

    @requires("priorities")
    def test_b29_ten_priorities_and_ages_are_told_apart(self, broker: Broker, consume: Consume) -> None:
        if broker.capabilities.priorities < 10:
            pytest.skip(f"the driver tells {broker.capabilities.priorities} priorities apart, not 10")
        given = [message(str(i), priority=i % 10) for i in range(100)]
        random.Random(7).shuffle(given)
        broker.publish(given)
        consumer, found = consume(), list[str]()

        while deliveries := consumer.fetch(33, 0):
            found += ids(deliveries)

        assert found == [each.id for each in sorted(given, key=lambda each: -each.priority)]

    @requires("delay")
    def test_b30_a_message_waits_for_its_eta(self, broker: Broker, consume: Consume) -> None:
        consumer, eta = consume(), time.time() + MOMENT
        broker.publish([message("a", eta=eta)])

        at_once = consumer.fetch(1, 0)
        if time.time() < eta - 0.05:  # else publishing took longer than that on a slow disk
            assert at_once == []
        assert ids(at_once or consumer.fetch(1, PATIENCE)) == ["a"]
        assert time.time() >= eta - 0.05

    @requires("delay")
    def test_b31_a_fetch_that_waits_already_returns_when_an_eta_comes(self, broker: Broker, consume: Consume) -> None:
        started = time.monotonic()

        with soon(broker.publish, [message("a", eta=time.time() + MOMENT)]):
            deliveries = consume().fetch(1, PATIENCE)

        assert ids(deliveries) == ["a"]
        assert time.monotonic() - started < PATIENCE / 2

    @requires("delay")
    def test_b32_a_delayed_message_holds_no_other_up(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message("late", eta=time.time() + HOUR, priority=9), message("now")])

        assert ids(consume().fetch(10, 0)) == ["now"]

    def test_b33_an_eta_in_the_past_is_now(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message("a", eta=time.time() - HOUR)])

        assert ids(consume().fetch(1, 0)) == ["a"]
