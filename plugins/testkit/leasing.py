"""Behaviours b60–b79: leases, fences, and what a lost consumer costs its messages."""

from __future__ import annotations

import time

from kernelq.contracts import Broker, Delivery, Transition, Verdict

from .behaviour import requires
from .broker_bench import BrokerBench, Consume
from .elsewhere import PATIENCE, soon
from .samples import ids, message, messages, settle, stats


class Leasing(BrokerBench):
    """Who renews keeps; who does not loses; who lost changes nothing any more."""

    @requires("leases")
    def test_b60_a_message_comes_back_when_its_lease_ends(self, broker: Broker, consume: Consume) -> None:
        broker.publish(messages("ab"))
        lost = consume(lease=self.lease).fetch(2, 0)

        found = consume().fetch(2, PATIENCE)

        assert ids(found) == ["a", "b"]
        assert [delivery.fence for delivery in found] > [delivery.fence for delivery in lost]
        assert all(delivery.redelivered for delivery in found)

    @requires("leases")
    def test_b61_a_renewed_lease_is_kept(self, broker: Broker, consume: Consume) -> None:
        holder, other = consume(lease=self.steady_lease), consume()
        broker.publish([message("a")])
        deliveries = holder.fetch(1, 0)
        until = time.monotonic() + 1.3 * self.steady_lease

        while time.monotonic() < until:
            assert broker.renew([holder.id]) == []
            assert other.fetch(1, 0.05) == []

        settle(holder, deliveries)

    @requires("leases")
    def test_b62_renewing_names_the_leases_that_had_ended(self, broker: Broker, consume: Consume) -> None:
        lost, other = consume(lease=self.lease), consume()
        broker.publish([message("a")])
        lost.fetch(1, 0)
        assert other.fetch(1, PATIENCE)

        assert broker.renew([lost.id, other.id]) == [lost.id]

    @requires("leases")
    def test_b63_a_consumer_without_work_may_go_unrenewed(self, broker: Broker, consume: Consume) -> None:
        idle = consume(lease=self.steady_lease)
        assert idle.fetch(1, 1.1 * self.steady_lease) == []
        broker.publish([message("a")])

        deliveries = idle.fetch(1, 0)

        assert ids(deliveries) == ["a"]
        assert consume().fetch(1, 0) == []
        settle(idle, deliveries)

    @requires("leases")
    def test_b64_losing_a_message_once_makes_it_suspect(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message("a")])
        consume(lease=self.lease).fetch(1, 0)

        [delivery] = consume().fetch(1, PATIENCE)

        assert (delivery.suspect, delivery.crashes) == (True, 0)

    @requires("leases")
    def test_b65_a_suspect_lost_before_it_began_is_charged_nothing(self, broker: Broker, consume: Consume) -> None:
        suspect = self._suspect(broker, consume)
        assert suspect.crashes == 0

        [delivery] = consume().fetch(1, PATIENCE)

        assert (delivery.suspect, delivery.crashes) == (True, 0)

    @requires("leases")
    def test_b66_a_suspect_lost_after_it_began_is_charged_once(self, broker: Broker, consume: Consume) -> None:
        self._suspect(broker, consume, is_started=True)

        [second] = consume(lease=self.lease).fetch(1, PATIENCE)
        [third] = consume().fetch(1, PATIENCE)

        assert (second.suspect, second.crashes) == (True, 1)
        # The mark went with the lost lease: the second holder never said that it began.
        assert (third.suspect, third.crashes) == (True, 1)

    @requires("leases")
    def test_b67_a_suspect_given_back_is_not_started_any_more(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message("a")])
        consume(lease=self.lease).fetch(1, 0)
        second = consume(lease=self.steady_lease)
        deliveries = second.fetch(1, PATIENCE)
        second.mark_started(deliveries)

        settle(second, deliveries, Verdict.REQUEUE)
        second.fetch(1, 0)

        [delivery] = consume().fetch(1, PATIENCE)
        assert delivery.crashes == 0

    @requires("leases")
    def test_b68_nothing_of_a_stale_transition_is_done(self, broker: Broker, consume: Consume) -> None:
        stale, holder = consume(lease=self.lease), consume()
        broker.publish([message("a")])
        [lost] = stale.fetch(1, 0)
        found = holder.fetch(1, PATIENCE)
        transition = Transition(delivery=lost, successors=(message("b"),))

        assert stale.settle([transition]) == [transition]

        assert holder.fetch(1, 0) == []
        assert stats(broker).running == 1
        settle(holder, found)

    @requires("leases")
    def test_b69_a_stale_verdict_takes_nothing_from_the_holder(self, broker: Broker, consume: Consume) -> None:
        stale, holder = consume(lease=self.lease), consume()
        broker.publish([message("a")])
        [lost] = stale.fetch(1, 0)
        found = holder.fetch(1, PATIENCE)

        for verdict in Verdict:
            transition = Transition(delivery=lost, verdict=verdict)
            assert stale.settle([transition]) == [transition]

        assert consume().fetch(1, 0) == []
        assert broker.dead() == []
        settle(holder, found)

    @requires("leases")
    def test_b70_one_stale_transition_does_not_hold_up_the_batch(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish(messages("abc"))
        transitions = [Transition(delivery=delivery) for delivery in consumer.fetch(3, 0)]
        assert consumer.settle([transitions[1]]) == []

        assert consumer.settle(transitions) == [transitions[1]]

        consumer.close()
        assert consume().fetch(10, 0) == []

    @requires("leases")
    def test_b71_a_stale_fence_of_the_same_consumer_is_refused(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish([message("a")])
        [first] = consumer.fetch(1, 0)
        settle(consumer, [first], Verdict.REQUEUE)
        second = consumer.fetch(1, 0)

        stale = Transition(delivery=first)

        assert consumer.settle([stale]) == [stale]
        settle(consumer, second)

    @requires("leases")
    def test_b72_a_dead_consumers_deliveries_are_taken_over(self, broker: Broker, consume: Consume) -> None:
        dead, heir = consume(), consume()
        broker.publish(messages("ab"))
        lost = dead.fetch(2, 0)

        taken = heir.take_over(dead.id)

        assert sorted(ids(taken)) == ["a", "b"]
        assert all(delivery.fence > 1 for delivery in taken)
        stale = [Transition(delivery=delivery) for delivery in lost]
        assert dead.settle(stale) == stale
        settle(heir, taken)

    @requires("leases")
    def test_b73_taking_over_charges_nothing_by_itself(self, broker: Broker, consume: Consume) -> None:
        dead, heir = consume(), consume()
        broker.publish(messages("ab"))
        dead.fetch(2, 0)

        ran, unstarted = sorted(heir.take_over(dead.id), key=lambda delivery: ids([delivery]))
        settle(heir, [ran], Verdict.CRASHED)
        settle(heir, [unstarted], Verdict.REQUEUE)

        found = consume().fetch(10, 0)
        assert ids(found) == ["a", "b"]
        assert [(delivery.crashes, delivery.suspect) for delivery in found] == [(1, False), (0, False)]

    @requires("leases")
    def test_b74_there_is_nothing_to_take_over_from_a_stranger(self, consume: Consume) -> None:
        assert consume().take_over("never-seen") == []

    @requires("leases")
    def test_b75_closing_gives_back_uncharged_and_in_place(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish(messages("abc"))
        consumer.fetch(2, 0)

        consumer.close()

        found = consume().fetch(10, 0)
        assert ids(found) == ["a", "b", "c"]
        assert [(delivery.crashes, delivery.suspect) for delivery in found] == [(0, False)] * 3

    @requires("leases")
    def test_b76_what_was_given_back_by_closing_cannot_be_settled(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish([message("a")])
        transition = Transition(delivery=consumer.fetch(1, 0)[0])
        consumer.close()
        consumer.close()

        assert consumer.settle([transition]) == [transition]

        assert ids(consume().fetch(1, 0)) == ["a"]

    @requires("leases")
    def test_b77_a_waiting_fetch_returns_when_a_lease_ends_that_began_later(
        self, broker: Broker, consume: Consume
    ) -> None:
        dead, heir, waiting = consume(), consume(lease=self.lease), consume()
        broker.publish([message("a")])
        dead.fetch(1, 0)

        with soon(heir.take_over, dead.id):
            deliveries = waiting.fetch(1, PATIENCE)

        assert ids(deliveries) == ["a"]

    @requires("leases")
    def test_b78_what_was_settled_or_lost_is_not_held_any_more(self, broker: Broker, consume: Consume) -> None:
        consumer = consume(lease=self.steady_lease)
        broker.publish([message("a")])
        [lost] = consumer.fetch(1, 0)
        assert ids(consume().fetch(1, PATIENCE)) == ["a"]
        broker.publish(messages("bc"))
        settled, kept = consumer.fetch(2, 0)
        settle(consumer, [settled])

        # Its lease lives, for it began anew with the fetch; what the old one held is another's.
        assert consumer.held([lost, settled, kept]) == [kept]

    @requires("leases")
    def test_b79_messages_of_several_lost_consumers_come_back_in_their_places(
        self, broker: Broker, consume: Consume
    ) -> None:
        broker.publish(messages("abc"))
        consume(lease=2 * self.lease).fetch(1, 0)
        consume(lease=self.lease).fetch(1, 0)
        consume("another queue").fetch(1, 3 * self.lease)

        assert ids(consume().fetch(10, 0)) == ["a", "b", "c"]

    def _suspect(self, broker: Broker, consume: Consume, *, is_started: bool = False) -> Delivery:
        """A delivery of a suspect, held under a lease that nobody will renew."""
        broker.publish([message("a")])
        consume(lease=self.lease).fetch(1, 0)
        holder = consume(lease=self.steady_lease if is_started else self.lease)
        [delivery] = holder.fetch(1, PATIENCE)
        if is_started:
            holder.mark_started([delivery])
        return delivery
