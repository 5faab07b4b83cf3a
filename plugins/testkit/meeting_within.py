"""Behaviours w70–w79: the end of a task takes its place together with the settlement of its message, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from kernelq import KernelQ
from kernelq.contracts import Broker, Consumer, Effect, Transition
from kernelq.workflows import DONE, FIRED, Close, Keep, WorkflowStore

from .behaviour import requires
from .elsewhere import together
from .samples import QUEUE, ids, messages, outcome, settle
from .transacting import Fault, FaultyStore
from .workflow_bench import WorkflowBench, arriving, opening

LEASE = 60.0
"""Seconds: a lease that does not end while a test runs."""


class MeetingWithin(WorkflowBench):
    """Ops as effects of transitions, on the broker's own engine."""

    @pytest.fixture
    def consumer(self, broker: Broker) -> Iterator[Consumer]:
        member = broker.consumer([QUEUE], id="member", lease=LEASE)
        yield member
        member.close()

    @requires("transactions")
    def test_w70_the_store_is_on_the_engine_of_the_broker(self, store: WorkflowStore, broker: Broker) -> None:
        assert store.engine is broker.engine

    @requires("transactions")
    def test_w71_the_message_of_a_join_is_published_with_the_settlement_that_fires_it(
        self, store: WorkflowStore, broker: Broker, consumer: Consumer
    ) -> None:
        store.apply([opening("j", 2)])
        broker.publish(messages("ab"))
        first, second = consumer.fetch(2, 0)

        settle(consumer, [first], effects=_effects(store, *arriving("j", 0)))
        assert consumer.fetch(10, 0) == []
        settle(consumer, [second], effects=_effects(store, *arriving("j", 1)))

        assert ids(consumer.fetch(10, 0)) == ["after j"]

    @requires("transactions")
    def test_w72_members_settled_in_one_batch_fire_their_join(
        self, store: WorkflowStore, broker: Broker, consumer: Consumer
    ) -> None:
        store.apply([opening("j", 4), opening("k", 9)])
        broker.publish(messages("abcd"))
        transitions = [
            Transition(delivery=delivery, effects=_effects(store, *arriving("j", place), *arriving("k", place)))
            for place, delivery in enumerate(consumer.fetch(4, 0))
        ]

        assert consumer.settle(transitions) == []

        assert ids(consumer.fetch(10, 0)) == ["after j"]
        assert (found := store.join("k")) is not None
        assert found.arrived == 4

    @requires("transactions", "leases")
    def test_w73_a_refused_settlement_takes_no_place(
        self, store: WorkflowStore, broker: Broker, consumer: Consumer
    ) -> None:
        store.apply([opening("j", 1)])
        broker.publish(messages("a"))
        [lost] = consumer.fetch(1, 0)
        heir = broker.consumer([QUEUE], id="heir", lease=LEASE)
        heir.take_over(consumer.id)
        refused = Transition(delivery=lost, effects=_effects(store, *arriving("j", 0), Keep(key="k", value=b"1")))

        assert consumer.settle([refused]) == [refused]

        assert (found := store.join("j")) is not None
        assert found.arrived == 0
        assert store.parts("j", 0, 1) == [None]
        assert store.kept(["k"]) == {}
        assert heir.fetch(10, 0) == []
        heir.close()

    @requires("transactions")
    def test_w74_a_settlement_whose_other_effects_fail_takes_no_place(
        self, store: WorkflowStore, broker: Broker, consumer: Consumer
    ) -> None:
        if broker.engine is not None and broker.engine.family == "memory":
            pytest.skip("the memory broker undoes no effect that came before the one that failed")
        store.apply([opening("j", 1)])
        broker.publish(messages("a"))
        [delivery] = consumer.fetch(1, 0)
        effects = (*_effects(store, *arriving("j", 0)), Effect(FaultyStore(broker.engine), "anything"))

        with pytest.raises(Fault):
            consumer.settle([Transition(delivery=delivery, effects=effects)])

        assert store.parts("j", 0, 1) == [None]
        settle(consumer, [delivery], effects=_effects(store, *arriving("j", 0)))
        assert ids(consumer.fetch(10, 0)) == ["after j"]

    @requires("transactions")
    def test_w75_a_join_is_closed_and_an_outcome_stored_in_one_settlement(
        self, app: KernelQ, store: WorkflowStore, broker: Broker, consumer: Consumer
    ) -> None:
        store.apply([opening("j", 0)])
        broker.publish(messages("a"))
        effects = (Effect(app.backend, outcome("a", fence=1)), *_effects(store, Close(join="j"), opening("k", 0)))

        settle(consumer, consumer.fetch(1, 0), effects=effects)

        assert (found := store.join("j")) is not None
        assert found.state == DONE
        assert app.backend.get_many(["a"]) == {"a": outcome("a", fence=1)}
        assert ids(consumer.fetch(10, 0)) == ["after k"]

    @requires("transactions")
    def test_w76_members_settled_by_many_at_once_fire_their_join_exactly_once(
        self, store: WorkflowStore, broker: Broker
    ) -> None:
        size, lanes = 120, 4
        store.apply([opening("j", size)])
        broker.publish(messages([str(place) for place in range(size)]))
        consumers = [broker.consumer([QUEUE], id=f"lane {i}", lease=LEASE) for i in range(lanes)]

        def work(consumer: Consumer) -> list[str]:
            found: list[str] = []
            while deliveries := consumer.fetch(7, 0):
                members = [delivery for delivery in deliveries if ids([delivery])[0] != "after j"]
                found += ids(delivery for delivery in deliveries if delivery not in members)
                transitions = [
                    Transition(delivery=delivery, effects=_effects(store, *arriving("j", int(ids([delivery])[0]))))
                    for delivery in members
                ]
                rest = [Transition(delivery=delivery) for delivery in deliveries if delivery not in members]
                assert consumer.settle([*transitions, *rest]) == []
            return found

        told = [name for names in together([partial(work, each) for each in consumers]) for name in names]
        told += work(consumers[0])

        assert told == ["after j"]
        assert (found := store.join("j")) is not None
        assert (found.state, found.arrived) == (FIRED, size)
        for consumer in consumers:
            consumer.close()


def _effects(store: WorkflowStore, *ops: object) -> tuple[Effect, ...]:
    return tuple(Effect(store, op) for op in ops)
