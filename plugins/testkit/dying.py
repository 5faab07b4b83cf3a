"""Behaviours b240–b249: consumers that die, freeze, fork, or have another time of day."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import pytest
from kernelq.contracts import Broker, Consumer, Transition

from .behaviour import requires
from .broker_bench import ENOUGH, Consume
from .elsewhere import PATIENCE, in_child
from .fault_bench import BrokerFaultBench, Server
from .samples import QUEUE, ids, message, messages

HOUR = 3600.0
SHORT = 1.0
"""Seconds a lease lasts that a test lets end."""
STEADY = 5.0
"""Seconds a lease lasts that must not have ended when a child has: that takes its time on a busy machine."""
REAL_TIME = time.time

Child = tuple[int, Connection]
"""A child's process id, and the pipe to it."""


class Dying(BrokerFaultBench):
    """What a process does that does not end well costs its messages nothing."""

    @requires("processes")
    def test_b240_the_messages_of_a_killed_process_come_back(
        self, broker: Broker, consume: Consume, place: str
    ) -> None:
        broker.publish(messages("ab"))

        with self._consuming_child(place, lease=SHORT) as (pid, pipe):
            assert pipe.recv() == ["a", "b"]
            os.kill(pid, signal.SIGKILL)

            found = [*consume().fetch(1, PATIENCE), *consume().fetch(1, PATIENCE)]

        assert ids(found) == ["a", "b"]
        if broker.capabilities.leases:
            assert [delivery.suspect for delivery in found] == [True, True]

    @requires("processes", "leases")
    def test_b241_a_frozen_process_that_goes_on_is_refused(self, broker: Broker, consume: Consume, place: str) -> None:
        broker.publish([message("a")])
        with self._consuming_child(place, lease=SHORT) as (pid, pipe):
            assert pipe.recv() == ["a"]
            os.kill(pid, signal.SIGSTOP)
            heir = consume()
            found = heir.fetch(1, PATIENCE)

            os.kill(pid, signal.SIGCONT)
            pipe.send("settle")

            assert pipe.recv() == ["a"]  # the refused ones
        assert heir.settle([Transition(delivery=delivery) for delivery in found]) == []

    @pytest.mark.parametrize("skew", [HOUR, -HOUR])
    @requires("processes", "leases")
    def test_b242_a_wrong_wall_clock_takes_nobodys_messages(
        self, server: Server | None, broker: Broker, consume: Consume, place: str, skew: float
    ) -> None:
        _needs(server)
        holder = consume()
        broker.publish([message("a")])
        held = holder.fetch(1, 0)

        def fetch() -> None:
            assert self._skewed(place, skew).consumer([QUEUE], id="skewed", lease=ENOUGH).fetch(1, 0.1) == []

        in_child(fetch)

        assert broker.renew([holder.id]) == []
        assert holder.settle([Transition(delivery=delivery) for delivery in held]) == []

    @pytest.mark.parametrize("skew", [HOUR, -HOUR])
    @requires("processes", "leases")
    def test_b243_a_lease_taken_under_a_wrong_wall_clock_lasts_as_long_as_any(
        self, server: Server | None, broker: Broker, consume: Consume, place: str, skew: float
    ) -> None:
        _needs(server)
        broker.publish([message("a")])

        def fetch_and_die() -> None:
            [_] = self._skewed(place, skew).consumer([QUEUE], id="skewed", lease=STEADY).fetch(1, PATIENCE)

        in_child(fetch_and_die)

        assert consume().fetch(1, 0) == []
        assert ids(consume().fetch(1, PATIENCE)) == ["a"]

    @pytest.mark.parametrize("skew", [HOUR, -HOUR])
    @requires("processes", "delay", "leases")  # an engine that counts leases has a clock
    def test_b244_etas_are_judged_by_the_engines_clock(
        self, server: Server | None, broker: Broker, place: str, skew: float
    ) -> None:
        _needs(server)
        broker.publish([message("later", eta=time.time() + HOUR / 2), message("now", eta=time.time() - 1)])

        def fetch() -> None:
            consumer = self._skewed(place, skew).consumer([QUEUE], id="skewed", lease=ENOUGH)
            assert ids(consumer.fetch(10, PATIENCE)) == ["now"]

        in_child(fetch)

    @requires("processes")
    def test_b245_a_forked_child_that_closes_leaves_its_parent_connected(
        self, broker: Broker, consume: Consume
    ) -> None:
        consumer = consume()
        broker.publish([message("parent")])
        held = consumer.fetch(1, PATIENCE)

        def publish_and_close() -> None:
            broker.publish([message("child")])
            broker.close()

        in_child(publish_and_close)

        assert consumer.settle([Transition(delivery=delivery) for delivery in held]) == []
        broker.publish([message("parent again")])
        assert sorted([*ids(consumer.fetch(1, PATIENCE)), *ids(consumer.fetch(1, PATIENCE))]) == [
            "child",
            "parent again",
        ]

    def _skewed(self, place: str, skew: float) -> Broker:
        """The broker in a process whose wall clock is wrong; in a child, for that stays so."""
        time.time = lambda: REAL_TIME() + skew
        broker = self.make_app(place).broker
        for owner in (broker, broker.engine):
            if getattr(owner, "now", None) is REAL_TIME:  # it took hold of the clock before that went wrong
                owner.now = time.time  # type: ignore[union-attr]  # it has, see above
        return broker

    @contextmanager
    def _consuming_child(self, place: str, *, lease: float) -> Iterator[Child]:
        """A child that fetches, says what, and when told to settles and says what was refused; killed at the end."""
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        child = context.Process(target=self._consume_in_child, args=(theirs, place, lease))
        child.start()
        assert child.pid is not None
        try:
            yield child.pid, ours
        finally:
            child.kill()
            child.join(PATIENCE)
            ours.close()
            theirs.close()

    def _consume_in_child(self, pipe: Connection, place: str, lease: float) -> None:
        consumer: Consumer = self.make_app(place).broker.consumer([QUEUE], id="child", lease=lease)
        deliveries = consumer.fetch(10, PATIENCE)
        pipe.send(ids(deliveries))
        pipe.recv()
        refused = consumer.settle([Transition(delivery=delivery) for delivery in deliveries])
        pipe.send(ids(transition.delivery for transition in refused))


def _needs(server: Server | None) -> None:
    if server is None:
        pytest.skip("the engine has no clock but that of the machine")
