"""Behaviours b100–b109: many threads, consumers and processes on one broker."""

from __future__ import annotations

from collections import Counter
from functools import partial

from kernelq.contracts import Broker, Consumer

from .behaviour import requires
from .broker_bench import BrokerBench, Consume
from .elsewhere import PATIENCE, in_child, soon_in_child, together
from .samples import ids, message, messages, settle, stats

MANY = 10_000
BATCH = 500


class Sharing(BrokerBench):
    """Everybody gets something, and nobody gets it twice."""

    def test_b100_ten_thousand_messages_are_drained_once_each(self, broker: Broker, consume: Consume) -> None:
        everything = [str(i) for i in range(MANY)]
        for start in range(0, MANY, BATCH):
            broker.publish(messages(everything[start : start + BATCH]))

        drained = _drain(consume(), BATCH)

        assert drained == everything
        assert stats(broker).running == 0

    def test_b101_two_consumers_share_without_overlap(self, broker: Broker, consume: Consume) -> None:
        everything = [str(i) for i in range(1000)]
        broker.publish(messages(everything))

        shares = together([partial(_drain, consume(), 20) for _ in range(2)])

        assert Counter(shares[0] + shares[1]) == Counter(everything)

    def test_b102_many_threads_publish_at_once(self, broker: Broker, consume: Consume) -> None:
        def publish(thread: int) -> None:
            for i in range(20):
                broker.publish([message(f"{thread}-{i}")])

        together([partial(publish, thread) for thread in range(8)])

        drained = _drain(consume(), BATCH)
        assert len(set(drained)) == len(drained) == 8 * 20
        assert [id for id in drained if id.startswith("3-")] == [f"3-{i}" for i in range(20)]

    @requires("dedup")
    def test_b103_many_threads_publish_one_key(self, broker: Broker, consume: Consume) -> None:
        together([partial(broker.publish, messages("abc"))] * 8)

        assert sorted(ids(consume().fetch(100, 0))) == ["a", "b", "c"]

    def test_b104_a_closed_broker_opens_again_by_itself(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message("a")])
        broker.close()

        broker.publish([message("b")])

        assert ids(consume().fetch(10, 0)) == ["a", "b"]

    @requires("processes")
    def test_b105_a_forked_child_publishes(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message("parent")])

        in_child(partial(broker.publish, [message("child")]))

        consumer = consume()
        assert ids(consumer.fetch(10, PATIENCE)) == ["parent", "child"]
        broker.publish([message("again")])
        assert ids(consumer.fetch(10, PATIENCE)) == ["again"]

    @requires("processes")
    def test_b106_a_waiting_fetch_returns_when_another_process_publishes(
        self, broker: Broker, consume: Consume
    ) -> None:
        consumer = consume()
        assert consumer.fetch(1, 0) == []

        with soon_in_child(partial(broker.publish, [message("child")])):
            deliveries = consumer.fetch(1, PATIENCE)

        assert ids(deliveries) == ["child"]

    @requires("processes", "leases")
    def test_b107_a_message_of_a_lost_process_comes_back(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message("a")])

        def fetch_and_die() -> None:
            [_] = broker.consumer(["q"], id="lost", lease=self.lease).fetch(1, 0)

        in_child(fetch_and_die)

        [delivery] = consume().fetch(1, PATIENCE)
        assert (ids([delivery]), delivery.suspect) == (["a"], True)


def _drain(consumer: Consumer, limit: int) -> list[str]:
    drained: list[str] = []
    while deliveries := consumer.fetch(limit, 0):
        drained += ids(deliveries)
        settle(consumer, deliveries)
    return drained
