"""Behaviours b130–b140: what the marks of revoked tasks promise."""

from __future__ import annotations

import time

from kernelq.contracts import Broker, Delivery, Verdict

from .behaviour import requires
from .broker_bench import ENOUGH, BrokerBench, Consume
from .elsewhere import PATIENCE, soon
from .samples import ids, message, messages, settle

LATER = 3_600.0
"""Seconds: an eta that does not come while a test runs."""


class Revoking(BrokerBench):
    """A marked task is handed out to be ended, not to be run."""

    @requires("revoking")
    def test_b130_what_waits_is_handed_out_as_revoked(self, broker: Broker, consume: Consume) -> None:
        broker.publish(messages("abc"))

        broker.revoke(["b"], ENOUGH)

        assert marks(consume().fetch(3, 0)) == {"a": False, "b": True, "c": False}

    @requires("revoking")
    def test_b131_those_that_wait_are_named(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message("held")])
        consume().fetch(1, 0)
        broker.publish([message("ready"), message("delayed", eta=time.time() + LATER), message("other")])

        assert sorted(broker.revoke(["ready", "delayed", "held", "unknown"], ENOUGH)) == ["delayed", "ready"]

    @requires("revoking", "delay")
    def test_b132_what_waits_for_an_eta_becomes_ready(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message(id, eta=time.time() + LATER) for id in "ab"])
        consumer = consume()
        assert consumer.fetch(2, 0) == []

        with soon(lambda: broker.revoke(["a"], ENOUGH)):
            found = consumer.fetch(2, PATIENCE)

        assert marks(found) == {"a": True}
        assert consumer.fetch(2, 0) == []

    @requires("revoking")
    def test_b133_what_is_published_later_is_marked_too(self, broker: Broker, consume: Consume) -> None:
        assert broker.revoke(["a"], ENOUGH) == []

        broker.publish(messages("ab"))

        assert marks(consume().fetch(2, 0)) == {"a": True, "b": False}

    @requires("revoking")
    def test_b134_what_was_handed_out_is_left_alone_until_it_comes_back(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message("a")])
        consumer = consume()
        held = consumer.fetch(1, 0)

        broker.revoke(["a"], ENOUGH)

        assert consumer.held(held) == held
        settle(consumer, held, Verdict.REQUEUE)
        assert marks(consumer.fetch(1, 0)) == {"a": True}

    @requires("revoking")
    def test_b135_a_retry_bears_the_mark_of_its_task(self, broker: Broker, consume: Consume) -> None:
        broker.publish(messages("ab"))
        consumer = consume()
        first, second = consumer.fetch(2, 0)
        broker.revoke(["a"], ENOUGH)

        settle(consumer, [first], successors=(message("a", retries=1),))
        settle(consumer, [second], successors=(message("b", retries=1),))

        assert marks(consumer.fetch(2, 0)) == {"a": True, "b": False}

    @requires("revoking")
    def test_b136_an_id_that_looks_like_a_retry_of_another_is_not_marked(
        self, broker: Broker, consume: Consume
    ) -> None:
        broker.publish(messages(["a:0:1", "a:", "a", "b:0:1"]))

        broker.revoke(["a", "b:0:1"], ENOUGH)

        assert marks(consume().fetch(4, 0)) == {"a:0:1": False, "a:": False, "a": True, "b:0:1": True}

    @requires("revoking")
    def test_b137_a_mark_ends_in_its_time_and_marking_again_begins_it_anew(
        self, broker: Broker, consume: Consume
    ) -> None:
        consumer = consume()
        broker.revoke(["a", "b"], 0.05)
        broker.revoke(["b"], ENOUGH)
        deadline = time.monotonic() + PATIENCE
        is_marked = True
        while is_marked and time.monotonic() < deadline:
            broker.publish([message("a")])
            deliveries = consumer.fetch(1, PATIENCE)
            is_marked = deliveries[0].revoked
            settle(consumer, deliveries)

        broker.publish(messages("ab"))

        assert marks(consumer.fetch(2, 0)) == {"a": False, "b": True}

    @requires("revoking", "leases")
    def test_b138_what_is_taken_from_the_lost_bears_its_mark(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message("a")])
        consume(lease=self.lease).fetch(1, 0)
        dead, heir = consume(), consume()
        broker.publish([message("b")])
        assert dead.fetch(1, PATIENCE)

        broker.revoke(["a", "b"], ENOUGH)

        taken = heir.take_over(dead.id)
        while len(taken) < 2:
            taken += (found := heir.fetch(2, PATIENCE))
            assert found
        assert marks(taken) == {"a": True, "b": True}

    @requires("revoking")
    def test_b139_a_thousand_are_marked_by_one_call(self, broker: Broker, consume: Consume) -> None:
        names = [f"task-{i}" for i in range(1_000)]
        broker.publish(messages(names[::2]))

        assert sorted(broker.revoke(names, ENOUGH)) == sorted(names[::2])

        consumer, found = consume(), dict[str, bool]()
        while len(found) < 500:
            deliveries = consumer.fetch(500, PATIENCE)
            assert deliveries
            found |= marks(deliveries)
        assert all(found.values())

    @requires("revoking")
    def test_b140_a_mark_is_taken_back_by_one_that_ends_at_once(self, broker: Broker, consume: Consume) -> None:
        broker.publish(messages("ab"))
        broker.revoke(["a", "b"], ENOUGH)

        broker.revoke(["a"], 0.0)

        assert marks(consume().fetch(2, 0)) == {"a": False, "b": True}


def marks(deliveries: list[Delivery]) -> dict[str, bool]:
    """Task id → whether it came as revoked."""
    return {id: delivery.revoked for id, delivery in zip(ids(deliveries), deliveries, strict=True)}
