"""Behaviours b40–b59: what becomes of a delivery, verdict by verdict."""

from __future__ import annotations

import time

from kernelq.contracts import Broker, Transition, Verdict

from .behaviour import requires
from .broker_bench import ENOUGH, BrokerBench, Consume
from .elsewhere import PATIENCE, soon
from .samples import QUEUE, ids, message, messages, settle, stats

MOMENT = 0.4
"""Seconds for which a message is parked until a test sees it again."""


class Settling(BrokerBench):
    """Every verdict does what it says, in batches, with its successors."""

    def test_b40_an_acked_message_is_forgotten(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish([message("a")])

        settle(consumer, consumer.fetch(1, 0), Verdict.ACK)

        assert (stats(broker).ready, stats(broker).running) == (0, 0)
        consumer.close()
        assert consume().fetch(1, 0) == []

    @requires("leases")
    def test_b41_a_requeued_message_returns_to_its_place(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish(messages("abc"))
        first, _ = consumer.fetch(2, 0)

        settle(consumer, [first], Verdict.REQUEUE)

        assert ids(consumer.fetch(10, 0)) == ["a", "c"]

    def test_b42_a_requeued_message_is_charged_nothing(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish([message("a")])

        settle(consumer, consumer.fetch(1, 0), Verdict.REQUEUE)

        [delivery] = consumer.fetch(1, 0)
        assert (delivery.crashes, delivery.suspect) == (0, False)

    @requires("leases")
    def test_b43_each_handing_out_has_a_higher_fence(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish([message("a")])
        fences = []

        for _ in range(3):
            [delivery] = consumer.fetch(1, 0)
            fences.append(delivery.fence)
            settle(consumer, [delivery], Verdict.REQUEUE)

        assert fences == sorted(set(fences))
        assert fences[0] == 1

    @requires("delay")
    def test_b44_a_parked_message_comes_back_after_its_delay(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish(messages("ab"))
        parked, other = consumer.fetch(2, 0)

        parked_at = time.monotonic()
        settle(consumer, [parked], Verdict.PARK, delay=MOMENT)
        settle(consumer, [other], Verdict.REQUEUE)

        at_once = consumer.fetch(10, 0)
        if time.monotonic() - parked_at < MOMENT - 0.05:  # else settling took longer than that on a busy machine
            assert ids(at_once) == ["b"]
        [delivery] = [each for each in at_once if ids([each]) != ["b"]] or consumer.fetch(10, PATIENCE)
        assert time.monotonic() - parked_at > MOMENT - 0.05
        assert ids([delivery]) == ["a"]
        assert (delivery.crashes, delivery.suspect) == (0, False)

    @requires("leases")
    def test_b45_a_crashed_message_is_charged_and_returns_to_its_place(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish(messages("ab"))

        for crashes in range(3):
            [delivery] = consumer.fetch(1, 0)
            assert ids([delivery]) == ["a"]
            assert delivery.crashes == crashes
            settle(consumer, [delivery], Verdict.CRASHED)

    def test_b46_a_batch_may_mix_all_verdicts(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish(messages("abcd"))
        verdicts = [Verdict.ACK, Verdict.REQUEUE, Verdict.CRASHED, Verdict.DEAD]

        refused = consumer.settle(
            [
                Transition(delivery=delivery, verdict=verdict, reason="rejected")
                for delivery, verdict in zip(consumer.fetch(4, 0), verdicts, strict=True)
            ]
        )

        assert refused == []
        assert {delivery.crashes: ids([delivery]) for delivery in consumer.fetch(10, 0)} == {0: ["b"], 1: ["c"]}
        assert [letter.message for letter in broker.dead()] == [message("d")]

    def test_b47_settling_nothing_refuses_nothing(self, consume: Consume) -> None:
        assert consume().settle([]) == []

    @requires("leases")
    def test_b48_settling_twice_is_refused_and_does_nothing(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish([message("a")])
        [delivery] = consumer.fetch(1, 0)
        settle(consumer, [delivery])
        again = Transition(delivery=delivery, successors=(message("b"),))

        assert consumer.settle([again]) == [again]

        assert consumer.fetch(1, 0) == []

    def test_b52_what_was_just_fetched_is_held(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish(messages("ab"))
        deliveries = consumer.fetch(2, 0)

        assert consumer.held(deliveries) == deliveries
        assert consumer.held([]) == []

    def test_b53_a_consumer_goes_on_where_a_discarded_one_of_its_id_ended(
        self, broker: Broker, consume: Consume
    ) -> None:
        discarded = consume()
        broker.publish(messages("abc"))
        deliveries = discarded.fetch(2, 0)
        discarded.discard()
        consumer = broker.consumer([QUEUE], id=discarded.id, lease=ENOUGH)

        held = consumer.held(deliveries)
        settle(consumer, held)
        found: list[str] = []
        while len(held) + len(found) < 3 and (fetched := consumer.fetch(3, PATIENCE)):
            found += ids(fetched)
            settle(consumer, fetched)

        # Where leases end with the connection nothing is held, and all comes again.
        assert sorted(ids(held) + found) == ["a", "b", "c"]
        consumer.close()

    def test_b54_an_exchange_settles_and_what_it_takes_is_held(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish(messages("abc"))
        first = consumer.fetch(1, 0)

        refused, taken = consumer.exchange([Transition(delivery=delivery) for delivery in first], 1)

        assert refused == []
        taken = taken or consumer.fetch(1, PATIENCE)
        assert ids(first + taken) == ["a", "b"]
        assert consumer.held(taken) == taken
        assert ids(consumer.fetch(10, PATIENCE)) == ["c"]

    @requires("leases")
    def test_b55_an_exchange_refuses_what_settle_refuses_and_takes_nevertheless(
        self, broker: Broker, consume: Consume
    ) -> None:
        consumer = consume()
        broker.publish(messages("ab"))
        [delivery] = consumer.fetch(1, 0)
        settle(consumer, [delivery])
        again = Transition(delivery=delivery, successors=(message("never"),))

        refused, taken = consumer.exchange([again], 10)

        assert refused == [again]
        assert ids(taken or consumer.fetch(10, 0)) == ["b"]

    def test_b56_who_waits_after_an_exchange_that_took_nothing_is_woken_by_a_publish(
        self, broker: Broker, consume: Consume
    ) -> None:
        consumer = consume()
        broker.publish([message("a")])
        deliveries = consumer.fetch(1, PATIENCE)
        consumer.exchange([Transition(delivery=delivery) for delivery in deliveries], 10)

        with soon(lambda: broker.publish([message("b")])):
            assert ids(consumer.fetch(10, PATIENCE)) == ["b"]

    def test_b49_successors_are_published(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish([message("a")])

        settle(consumer, consumer.fetch(1, 0), successors=tuple(messages("bc")))

        assert ids(consumer.fetch(10, 0)) == ["b", "c"]

    @requires("dedup")
    def test_b50_a_successor_that_waits_already_is_left_out(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish(messages("ab"))

        settle(consumer, consumer.fetch(1, 0), successors=tuple(messages("bc")))

        assert ids(consumer.fetch(10, 0)) == ["b", "c"]

    def test_b51_a_successor_wakes_a_waiting_consumer_of_its_queue(self, broker: Broker, consume: Consume) -> None:
        consumer, waiting = consume(), consume("next")
        broker.publish([message("a")])
        transition = Transition(delivery=consumer.fetch(1, 0)[0], successors=(message("b", queue="next"),))

        with soon(consumer.settle, [transition]):
            deliveries = waiting.fetch(1, PATIENCE)

        assert ids(deliveries) == ["b"]
