"""Behaviours b110–b119: what an attempt causes on one engine becomes visible together, or not at all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest
from kernelq import KernelQ
from kernelq.contracts import Broker, Effect, Engine, Message, Store, Transition

from .behaviour import requires
from .broker_bench import BrokerBench, Consume
from .elsewhere import PATIENCE, soon
from .samples import ids, message, messages, outcome, settle, stats


class Fault(Exception):
    """What a faulty store raises."""


class FaultyStore(Store):
    """A store on the broker's engine that cannot do what it is asked."""

    def __init__(self, engine: Engine | None) -> None:
        self.engine = engine

    def apply(self, ops: Sequence[Any]) -> Sequence[Message]:
        raise Fault

    def apply_within(self, handle: Any, ops: Sequence[Any]) -> Sequence[Message]:
        raise Fault


class EchoStore(FaultyStore):
    """A store whose operations are messages, each of which follows from itself."""

    def apply_within(self, handle: Any, ops: Sequence[Any]) -> Sequence[Message]:
        return list(ops)


class Transacting(BrokerBench):
    """Broker and backend on one engine commit together."""

    @requires("transactions")
    def test_b110_an_outcome_is_stored_with_the_settlement(
        self, app: KernelQ, broker: Broker, consume: Consume
    ) -> None:
        consumer = consume()
        broker.publish([message("a")])
        effects = (Effect(app.backend, outcome("a", fence=1, value=b"3")),)

        settle(consumer, consumer.fetch(1, 0), successors=(message("b"),), effects=effects)

        assert app.backend.get_many(["a"]) == {"a": outcome("a", fence=1, value=b"3")}
        assert ids(consumer.fetch(10, 0)) == ["b"]

    @requires("transactions", "leases")
    def test_b111_a_stale_transition_stores_no_outcome(self, app: KernelQ, broker: Broker, consume: Consume) -> None:
        stale, heir = consume(), consume()
        broker.publish([message("a")])
        [lost] = stale.fetch(1, 0)
        heir.take_over(stale.id)
        transition = Transition(delivery=lost, effects=(Effect(app.backend, outcome("a")),))

        assert stale.settle([transition]) == [transition]

        assert app.backend.get_many(["a"]) == {}

    @requires("transactions")
    def test_b112_nobody_sees_half_a_transition(self, app: KernelQ, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish(messages("abcd"))

        for delivery in consumer.fetch(4, 0):
            [id] = ids([delivery])
            successor = message(f"after {id}", queue=f"after {id}")
            transition = Transition(
                delivery=delivery, successors=(successor,), effects=(Effect(app.backend, outcome(id)),)
            )
            with soon(consumer.settle, [transition]):
                self._watch_for_halves(app, id, successor.queue)

    @requires("transactions")
    def test_b113_a_failing_effect_undoes_its_transition(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish([message("a")])
        [delivery] = consumer.fetch(1, 0)
        effects = (Effect(FaultyStore(broker.engine), "anything"),)

        with pytest.raises(Fault):
            consumer.settle([Transition(delivery=delivery, successors=(message("b"),), effects=effects)])

        assert consumer.fetch(10, 0) == []
        assert stats(broker).running == 1
        settle(consumer, [delivery])

    @requires("transactions")
    def test_b114_messages_that_follow_from_an_effect_are_published(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish([message("a")])
        effects = (Effect(EchoStore(broker.engine), message("c")),)

        settle(consumer, consumer.fetch(1, 0), successors=(message("b"),), effects=effects)

        assert sorted(ids(consumer.fetch(10, 0))) == ["b", "c"]

    @requires("transactions")
    def test_b115_a_watch_sees_an_outcome_stored_by_a_settlement(
        self, app: KernelQ, broker: Broker, consume: Consume
    ) -> None:
        consumer = consume()
        broker.publish([message("a")])
        effects = (Effect(app.backend, outcome("a")),)
        transition = Transition(delivery=consumer.fetch(1, 0)[0], effects=effects)

        with app.backend.watch(["a"]) as watch, soon(consumer.settle, [transition]):
            assert watch.changes(PATIENCE) == [outcome("a")]

    @requires("transactions")
    def test_b116_what_is_published_within_a_session_is_there_when_that_commits(
        self, app: KernelQ, broker: Broker, consume: Consume
    ) -> None:
        assert stats(broker).ready == 0  # before the session, which may keep others from making tables
        with self.session_on(app.broker_url) as session:
            broker.publish_within(session, messages("ab"))
            assert stats(broker).ready == 0

            session.commit()

        assert ids(consume().fetch(10, 0)) == ["a", "b"]

    @requires("transactions")
    def test_b117_what_is_published_within_a_session_is_gone_when_that_rolls_back(
        self, app: KernelQ, broker: Broker, consume: Consume
    ) -> None:
        with self.session_on(app.broker_url) as session:
            broker.publish_within(session, [message("a")])

            session.rollback()

        broker.publish([message("b")])
        assert ids(consume().fetch(10, 0)) == ["b"]

    @requires("transactions")
    def test_b118_a_session_that_commits_wakes_a_waiting_consumer(
        self, app: KernelQ, broker: Broker, consume: Consume
    ) -> None:
        def publish() -> None:
            with self.session_on(app.broker_url) as session:
                broker.publish_within(session, [message("a")])
                session.commit()

        self.session_on(app.broker_url)  # skips on this thread, where there are no sessions
        with soon(publish):
            assert ids(consume().fetch(1, PATIENCE)) == ["a"]

    def _watch_for_halves(self, app: KernelQ, id: str, after: str) -> None:
        """Look until the successor waits; what is read later must know all that was read before."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            before = stats(app.broker, after).ready
            is_stored = id in app.backend.get_many([id])
            if is_stored:
                assert stats(app.broker, after).ready == 1
            if before:
                assert is_stored
                return
        pytest.fail(f"no successor of {id!r} came in {PATIENCE:g} s")
