"""Behaviours b01–b19: what publishing promises."""

from __future__ import annotations

from typing import Any

import pytest
from kernelq.contracts import Broker, EncodeError, Message

from .behaviour import requires
from .broker_bench import BrokerBench, Consume
from .samples import BODY, ids, message, messages, settle


class Publishing(BrokerBench):
    """Messages go in: whole batches, once per key, unchanged."""

    def test_b01_a_published_message_is_fetched_once(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message("a")])

        consumer = consume()

        [delivery] = consumer.fetch(10, 0)
        assert delivery.message == message("a")
        assert (delivery.queue, delivery.fence, delivery.crashes, delivery.suspect) == ("q", 1, 0, False)
        assert not delivery.redelivered
        assert consumer.fetch(10, 0) == []

    def test_b02_every_field_of_a_message_survives(self, broker: Broker, consume: Consume) -> None:
        given = message("a", **_EVERY_FIELD)

        broker.publish([given])

        [delivery] = consume().fetch(1, 0)
        assert delivery.message == given

    def test_b03_a_large_body_survives(self, broker: Broker, consume: Consume) -> None:
        body = bytes(range(256)) * 4096

        broker.publish([message("a", body=body)])

        [delivery] = consume().fetch(1, 0)
        assert isinstance(delivery.message, Message)
        assert delivery.message.body == body

    def test_b04_queues_and_ids_may_be_unicode(self, broker: Broker, consume: Consume) -> None:
        queue, id = "größe:{очередь} 列/1", "ключ 🗝"

        broker.publish([message(id, queue=queue)])

        [delivery] = consume(queue).fetch(1, 0)
        assert delivery.queue == queue
        assert ids([delivery]) == [id]

    def test_b05_a_batch_is_accepted_whole_and_in_order(self, broker: Broker, consume: Consume) -> None:
        broker.publish(messages("abcde"))

        assert ids(consume().fetch(10, 0)) == list("abcde")

    def test_b06_a_batch_with_a_bad_message_is_refused_whole(self, broker: Broker, consume: Consume) -> None:
        bad = message("b", headers={"handle": object()})

        with pytest.raises((TypeError, EncodeError)):
            broker.publish([message("a"), bad, message("c")])

        assert consume().fetch(10, 0) == []

    def test_b07_publishing_nothing_is_allowed(self, broker: Broker, consume: Consume) -> None:
        broker.publish([])

        assert consume().fetch(1, 0) == []

    def test_b08_a_message_goes_to_its_own_queue_only(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message("a", queue="one"), message("b", queue="other")])

        assert ids(consume("other").fetch(10, 0)) == ["b"]
        assert ids(consume("one").fetch(10, 0)) == ["a"]

    @requires("dedup")
    def test_b09_a_key_that_waits_is_left_out(self, broker: Broker, consume: Consume) -> None:
        broker.publish(messages("ab"))

        broker.publish(messages("bc"))

        assert ids(consume().fetch(10, 0)) == ["a", "b", "c"]

    @requires("dedup")
    def test_b10_a_key_twice_in_a_batch_counts_once(self, broker: Broker, consume: Consume) -> None:
        broker.publish(messages("aba"))

        assert ids(consume().fetch(10, 0)) == ["a", "b"]

    @requires("dedup")
    def test_b11_a_key_that_is_leased_is_left_out(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish([message("a")])
        deliveries = consumer.fetch(1, 0)

        broker.publish([message("a")])

        assert consumer.fetch(1, 0) == []
        settle(consumer, deliveries)
        assert consumer.fetch(1, 0) == []

    def test_b12_a_settled_key_may_be_published_again(self, broker: Broker, consume: Consume) -> None:
        consumer = consume()
        broker.publish([message("a")])
        settle(consumer, consumer.fetch(1, 0))

        broker.publish([message("a")])

        assert ids(consumer.fetch(1, 0)) == ["a"]

    def test_b13_a_retry_of_a_waiting_task_is_another_message(self, broker: Broker, consume: Consume) -> None:
        broker.publish([message("a"), message("a", retries=1), message("a", replaced=1)])

        assert ids(consume().fetch(10, 0)) == ["a", "a", "a"]


_EVERY_FIELD: dict[str, Any] = {
    "body": BODY + bytes(range(256)),
    "content_type": "application/x-test",
    "content_encoding": "binary",
    "compression": "gzip",
    "exchange": "tasks",
    "routing_key": "tasks.add",
    "priority": 3,
    "eta": 1_700_000_000.25,
    "expires": 4_000_000_000.5,
    "retries": 2,
    "replaced": 1,
    "root_id": "root",
    "parent_id": "parent",
    "group": "group",
    "group_index": 7,
    "timelimit": (30.0, 20.5),
    "ignore_result": True,
    "shadow": "alias",
    "argsrepr": "(1, 'größe')",
    "kwargsrepr": "{}",
    "origin": "1234@host",
    "reply_to": "answers",
    "sent_at": 1_700_000_000.125,
    "stamps": {"build": [1, "two", None]},
    "stamped_headers": ("build",),
    "headers": {"trace": {"id": "7f", "sampled": True, "rate": 0.5}},
    "properties": {"delivery_mode": 2},
}
