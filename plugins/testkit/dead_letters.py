"""Behaviours b80–b99: dead letters, purging, how queues stand, and what an examination finds."""

from __future__ import annotations

import time

from kernelq.contracts import Broker, DeadLetter, Finding, Undecodable, Verdict

from .behaviour import requires
from .broker_bench import BrokerBench, Consume
from .samples import ids, message, messages, settle, stats

GARBAGE = b"\xc1\x00 this is no message \xff"


class DeadLetters(BrokerBench):
    """What cannot be run is kept, and what is kept is counted."""

    def test_b80_a_dead_message_is_kept_with_its_reason(self, broker: Broker, consume: Consume) -> None:
        before = time.time()

        [letter] = self._bury(broker, consume, "a", reason="rejected: größe")

        assert (letter.queue, letter.reason, letter.message) == ("q", "rejected: größe", message("a"))
        assert message("a").body in letter.raw
        assert before - 5 < letter.died_at < time.time() + 5
        assert consume().fetch(1, 0) == []

    def test_b81_the_newest_dead_letters_come_first_up_to_the_limit(self, broker: Broker, consume: Consume) -> None:
        for id in "abc":
            self._bury(broker, consume, id)

        newest = [letter.message for letter in broker.dead(limit=2)]

        assert newest == [message("c"), message("b")]

    def test_b82_the_dead_letters_of_one_queue_are_listed(self, broker: Broker, consume: Consume) -> None:
        self._bury(broker, consume, "a", queue="one")
        self._bury(broker, consume, "b", queue="other")

        assert [letter.message for letter in broker.dead(queue="one")] == [message("a", queue="one")]
        assert len(broker.dead()) == 2

    def test_b83_a_retried_dead_letter_starts_with_a_clean_slate(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish([message("a")])
        settle(consumer, consumer.fetch(1, 0), Verdict.CRASHED)
        [died] = consumer.fetch(1, 0)
        settle(consumer, [died], Verdict.DEAD, reason="poison")

        assert broker.dead_retry([letter.ref for letter in broker.dead()]) == 1

        [delivery] = consumer.fetch(1, 0)
        assert (delivery.message, delivery.crashes, delivery.suspect) == (message("a"), 0, False)
        assert broker.dead() == []

    @requires("leases")
    def test_b84_the_fence_of_a_retried_dead_letter_goes_on(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish([message("a")])
        [died] = consumer.fetch(1, 0)
        settle(consumer, [died], Verdict.DEAD)

        broker.dead_retry([letter.ref for letter in broker.dead()])

        [delivery] = consumer.fetch(1, 0)
        assert delivery.fence > died.fence

    def test_b85_retrying_and_purging_unknown_letters_does_nothing(self, broker: Broker, consume: Consume) -> None:
        [letter] = self._bury(broker, consume, "a")
        assert broker.dead_purge([letter.ref]) == 1

        assert broker.dead_retry([letter.ref]) == 0
        assert broker.dead_purge([letter.ref]) == 0

    def test_b86_dead_letters_are_purged_by_name_or_all(self, broker: Broker, consume: Consume) -> None:
        letters = [self._bury(broker, consume, id)[0] for id in "abc"]

        assert broker.dead_purge([letters[0].ref]) == 1
        assert {letter.ref for letter in broker.dead()} == {letters[1].ref, letters[2].ref}
        assert broker.dead_purge() == 2
        assert broker.dead() == []

    def test_b87_unreadable_bytes_are_handed_out_and_kept_raw(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        self.plant_garbage(broker, "q", GARBAGE)

        [delivery] = consumer.fetch(1, 0)
        assert isinstance(delivery.message, Undecodable)
        settle(consumer, [delivery], Verdict.DEAD, reason="undecodable")

        [letter] = broker.dead()
        assert (letter.raw, letter.message, letter.reason) == (GARBAGE, None, "undecodable")

    def test_b90_queues_count_what_waits_runs_and_is_dead(self, broker: Broker, consume: Consume) -> None:
        self._bury(broker, consume, "z")
        broker.publish(messages("abcde"))
        consume().fetch(2, 0)

        queue = stats(broker)

        assert (queue.ready, queue.running, queue.dead) == (3, 2, 1)

    @requires("delay", "inventory")
    def test_b91_queues_count_what_is_delayed(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish([message("a", eta=time.time() + 3600), message("b"), message("c")])
        settle(consumer, consumer.fetch(1, 0), Verdict.PARK, delay=3600)

        queue = stats(broker)

        assert (queue.ready, queue.delayed, queue.running) == (1, 2, 0)

    @requires("inventory")
    def test_b92_queues_tell_since_when_the_oldest_ready_message_waits(self, broker: Broker) -> None:
        before = time.time()
        broker.publish([message("a")])
        after = time.time()
        broker.publish([message("b")])

        oldest = stats(broker).oldest_ready_at

        assert oldest is not None
        # The engine's clock may be another machine's.
        assert before - 5 <= oldest <= after + 5

    def test_b93_an_empty_queue_has_no_oldest_message(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message("a")])
        consume().fetch(1, 0)

        assert stats(broker).oldest_ready_at is None

    def test_b94_queues_are_listed_by_name(self, broker: Broker) -> None:
        broker.publish([message(id, queue=id) for id in "bca"])

        assert [queue.name for queue in broker.queues()] == ["a", "b", "c"]

    def test_b95_purging_drops_what_waits_and_nothing_that_runs(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish([*messages("abc"), message("d", queue="other")])
        deliveries = consumer.fetch(1, 0)

        assert broker.purge("q") == 2

        assert consumer.fetch(10, 0) == []
        assert (stats(broker).running, stats(broker, "other").ready) == (1, 1)
        settle(consumer, deliveries)

    @requires("delay", "inventory")
    def test_b96_purging_drops_what_is_delayed(self, broker: Broker) -> None:
        broker.publish([message("a", eta=time.time() + 3600)])

        assert broker.purge("q") == 1
        assert stats(broker).delayed == 0

    def test_b97_a_purged_key_may_be_published_again(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message("a")])
        broker.purge("q")

        broker.publish([message("a")])

        assert ids(consume().fetch(1, 0)) == ["a"]

    def test_b98_purging_an_unknown_queue_drops_nothing(self, broker: Broker) -> None:
        assert broker.purge("never-seen") == 0

    def test_b99_an_examination_of_a_fit_engine_refuses_nothing(self, broker: Broker) -> None:
        findings = broker.examine()

        assert all(isinstance(finding, Finding) and finding.what for finding in findings)
        assert [finding for finding in findings if finding.level == "refused"] == []

    def _bury(
        self, broker: Broker, consume: Consume, id: str, *, queue: str = "q", reason: str = "rejected"
    ) -> list[DeadLetter]:
        """Publish one message, reject it, and return the newest dead letter."""
        consumer = consume(queue)
        broker.publish([message(id, queue=queue)])
        settle(consumer, consumer.fetch(1, 0), Verdict.DEAD, reason=reason)
        return broker.dead(limit=1)
