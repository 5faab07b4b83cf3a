"""The AMQP broker's own promises, on a real RabbitMQ: topology, delay, marks, holding little, and faults."""

from __future__ import annotations

import logging
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kernelq import KernelQ, uuid
from kernelq.amqp import Parcel
from kernelq.contracts import (
    BrokerError,
    BrokerFull,
    BrokerRefused,
    BrokerUnavailable,
    CapabilityMissing,
    Consumer,
    Delivery,
    ImproperlyConfigured,
    Message,
    Transition,
    Undecodable,
    Verdict,
)
from kernelq_plugins.broker_amqp import inbox, ladder
from kernelq_plugins.broker_amqp.broker import AmqpBroker
from kernelq_plugins.broker_amqp.copies import Copy
from kernelq_plugins.broker_amqp.envelope import headers_and_properties, read, received
from kernelq_plugins.broker_amqp.plan import Plan
from kernelq_plugins.engine_amqp.properties import FIELDS
from kernelq_plugins.engine_amqp.received import ReceivedProperties
from servers import RabbitServer
from waiting import until

PATIENCE = 30.0
"""Seconds a test waits for what must come."""

MOMENT = 0.3
"""Seconds in which what must not come would have come."""


class Bench:
    """A broker with names of its own on the server, and consumers that are closed with it."""

    def __init__(self, url: str, prefix: str, **settings: Any) -> None:
        options = {"global_keyprefix": prefix, **settings.pop("broker_transport_options", {})}
        self.app = KernelQ("amqp", broker=url, broker_transport_options=options, set_as_current=False, **settings)
        self.prefix = prefix
        self._consumers: list[Consumer] = []

    @property
    def broker(self) -> AmqpBroker:
        broker = self.app.broker
        assert isinstance(broker, AmqpBroker)
        return broker

    def consume(self, *queues: str, lease: float = 60.0, id: str | None = None) -> Consumer:
        consumer = self.broker.consumer(queues or ("q",), id=id or uuid(), lease=lease)
        self._consumers.append(consumer)
        return consumer

    def raw(self, exchange: str, key: str, body: bytes, **properties: Any) -> None:
        """Publish as somebody else would."""
        assert self.broker._amqp.publish([Parcel(exchange, key, body, properties)]) == []

    def close(self) -> None:
        for consumer in self._consumers:
            consumer.close()
        self.app.close()


Make = Callable[..., Bench]


@pytest.fixture
def make(rabbit_server: RabbitServer) -> Iterator[Make]:
    made: list[Bench] = []
    prefix = f"{uuid()}."

    def bench(**settings: Any) -> Bench:
        made.append(Bench(rabbit_server.url, prefix, **settings))
        return made[-1]

    yield bench
    for each in made:
        each.close()


@pytest.fixture
def bench(make: Make) -> Bench:
    return make()


def message(id: str = "a", **fields: Any) -> Message:
    return Message(**{"id": id, "task": "t", "body": b"[[], {}, {}]", "queue": "q", **fields})


def messages(count: int, **fields: Any) -> list[Message]:
    return [message(str(number), **fields) for number in range(count)]


def settle(consumer: Consumer, *deliveries: Delivery, verdict: Verdict = Verdict.ACK, **fields: Any) -> None:
    assert consumer.settle([Transition(delivery=each, verdict=verdict, **fields) for each in deliveries]) == []


def fetch_all(consumer: Consumer, count: int) -> list[Delivery]:
    """So many deliveries, however many fetches they take."""
    found: list[Delivery] = []
    deadline = time.monotonic() + PATIENCE
    while len(found) < count:
        assert time.monotonic() < deadline, f"expected {count} deliveries, got {len(found)}"
        found += consumer.fetch(count - len(found), 1.0)
    return found


def fetch_like_a_lane(bench: Bench, count: int) -> list[Delivery]:
    """The same from a server that has just started: who loses the connection makes a new one, and keeps nothing."""
    deadline = time.monotonic() + PATIENCE
    while True:
        consumer = bench.consume()
        try:
            return fetch_all(consumer, count)
        except BrokerUnavailable:
            assert time.monotonic() < deadline
            consumer.discard()


# --- the plan


def test_queues_are_quorum_queues_unless_priorities_are_asked_for(make: Make) -> None:
    def arguments(**settings: Any) -> dict[str, Any]:
        plan = Plan.of(make(**settings).app)
        return plan.arguments(plan.queues.described("q"))

    assert arguments() == {"x-queue-type": "quorum"}
    assert arguments(task_queue_max_priority=5) == {"x-max-priority": 5}
    assert arguments(task_default_priority=3) == {"x-max-priority": 10}
    assert arguments(task_default_queue_type="classic") == {}


def test_priorities_are_a_capability_only_where_queues_have_them(make: Make) -> None:
    assert make().broker.capabilities.priorities == 1
    assert make(task_queue_max_priority=10).broker.capabilities.priorities == 10


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"task_default_queue_type": "stream"}, "must be 'quorum' or 'classic', got 'stream'"),
        ({"task_default_queue_type": "quorum", "task_queue_max_priority": 9}, "quorum queues have no priorities"),
        ({"broker_transport_options": {"visibility": 1}}, "unknown option 'visibility' in broker_transport_options"),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Make, settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=text):
        _ = make(**settings).broker


def test_a_queue_name_too_long_for_amqp_is_refused(bench: Bench) -> None:
    with pytest.raises(ImproperlyConfigured, match="at most 255 bytes"):
        bench.broker.publish([message(queue="q" * 256)])


def test_priorities_are_told_of_once(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    bench = make(task_queue_max_priority=10)
    caplog.set_level(logging.INFO, "kernelq.amqp")

    bench.broker.publish([message(queue="one"), message(queue="two")])

    assert [record.message for record in caplog.records if "classic" in record.message] == [
        "queues with priorities are classic ones, which live on one node and are not replicated"
    ]
    assert any("x-max-priority 10" in finding.what for finding in bench.broker.examine())


# --- topology


def test_a_queue_with_other_arguments_is_refused_with_the_way_out(make: Make) -> None:
    make(task_default_queue_type="classic").broker.publish([message()])

    with pytest.raises(BrokerRefused) as caught:
        make().broker.publish([message()])

    for part in ("queue 'q'", "x-queue-type=quorum", "inequivalent arg 'x-queue-type'", "delete_queue"):
        assert part in str(caught.value)


def test_a_queue_that_was_deleted_is_declared_again(bench: Bench) -> None:
    bench.broker.publish([message("a")])
    bench.broker._amqp.ask(lambda channel, done: channel.queue_delete(bench.prefix + "q", callback=done))

    bench.broker.publish([message("b")])

    [delivery] = bench.consume().fetch(10, PATIENCE)
    assert delivery.message == message("b")


def test_a_binding_that_was_taken_away_is_made_again(bench: Bench) -> None:
    given = message(exchange="orders", routing_key="new")
    bench.broker.publish([given])
    name, exchange = bench.prefix + "q", bench.prefix + "orders"
    bench.broker._amqp.ask(lambda channel, done: channel.queue_unbind(name, exchange, "new", callback=done))

    bench.broker.publish([given])

    assert len(fetch_all(bench.consume(), 2)) == 2


def test_a_message_that_no_queue_takes_is_an_error_that_names_the_way(bench: Bench) -> None:
    bench.broker.publish([message()])

    with pytest.raises(BrokerError) as caught:
        bench.broker._send((), [Copy("q", Parcel("", "nowhere", b"", {}))])

    for part in ("exchange ''", "routing key 'nowhere'", "queue 'q'", bench.broker._amqp.where):
        assert part in str(caught.value)


@pytest.mark.parametrize(("kind", "key"), [("direct", "q"), ("topic", "news.#"), ("fanout", "")])
def test_what_others_send_to_the_exchange_of_a_queue_arrives(make: Make, kind: str, key: str) -> None:
    bench = make(
        task_default_queue="q", task_default_exchange="x", task_default_exchange_type=kind, task_default_routing_key=key
    )
    consumer = bench.consume()
    properties = headers_and_properties(message())

    bench.raw(bench.prefix + "x", key.replace("#", "today"), b"[[], {}, {}]", **properties)

    [delivery] = consumer.fetch(1, PATIENCE)
    assert isinstance(delivery.message, Message)


@pytest.mark.parametrize("kind", ["direct", "topic", "fanout"])
def test_a_message_goes_by_its_own_exchange_and_routing_key(make: Make, kind: str) -> None:
    bench = make(task_default_exchange_type=kind)
    given = message(exchange="orders", routing_key="orders.new")

    bench.broker.publish([given])

    assert bench.consume().fetch(1, PATIENCE)[0].message == given


def test_the_names_of_queues_are_known_to_other_processes(make: Make) -> None:
    make().broker.publish([message(queue="one"), message(queue="two")])

    assert [stats.name for stats in make().broker.queues()] == ["one", "two"]


def test_dead_letters_are_found_from_another_process(make: Make) -> None:
    bench = make()
    bench.broker.publish([message()])
    consumer = bench.consume()
    settle(consumer, *consumer.fetch(1, PATIENCE), verdict=Verdict.DEAD, reason="rejected")
    other = make().broker

    [letter] = other.dead()
    assert (letter.reason, letter.message) == ("rejected", message())
    for _ in range(25):  # RabbitMQ 4 drops from a quorum queue what is given back 20 times
        assert other.dead() == [letter]
    assert other.dead_retry([letter.ref]) == 1
    assert consumer.fetch(1, PATIENCE)[0].message == message()


# --- envelopes


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "have no 'task' and 'id'"),
        ({"task": "t", "id": 5}, "have no 'task' and 'id'"),
        ({"task": "t", "id": "a", "eta": "soon"}, "break the task message protocol"),
        ({"task": "t", "id": "a", "retries": "many"}, "break the task message protocol"),
        ({"task": "t", "id": "a", "timelimit": "x"}, "break the task message protocol"),
        ({"task": "t", "id": "a", "compression": 5}, "break the task message protocol"),
    ],
)
def test_headers_that_cannot_be_read_are_kept_with_the_reason(headers: dict[str, Any], reason: str) -> None:
    found = read(
        b"raw",
        received(ReceivedProperties({**dict.fromkeys(FIELDS), "headers": headers})),
        queue="q",
        exchange="",
        routing_key="q",
    )

    assert isinstance(found, Undecodable)
    assert found.raw == b"raw"
    assert re.search(reason, found.reason)


def test_garbage_is_kept_as_it_came_and_comes_back_as_it_was(bench: Bench) -> None:
    consumer = bench.consume()
    bench.raw("", bench.prefix + "q", b"\xff\x00garbage", headers={"mine": [1, 0.5]}, content_type="x/y")

    [delivery] = consumer.fetch(1, PATIENCE)
    settle(consumer, delivery, verdict=Verdict.DEAD, reason="undecodable")
    [letter] = bench.broker.dead()
    assert (letter.raw, letter.message) == (b"\xff\x00garbage", None)

    bench.broker.dead_retry([letter.ref])
    [again] = consumer.fetch(1, PATIENCE)
    assert again.tag.arrival.body == b"\xff\x00garbage"
    assert again.tag.arrival.properties["content_type"] == "x/y"
    assert again.tag.arrival.properties["headers"]["mine"] == [1, 0.5]


# --- delay


@pytest.mark.parametrize(
    ("delay", "units"), [(0.001, 1), (0.05, 1), (0.051, 2), (1.0, 20), (3600.0, 72_000), (10.0**9, 2**ladder.RUNGS - 1)]
)
def test_a_delay_is_written_in_binary(delay: float, units: int) -> None:
    exchange, key = ladder.entry(delay)

    assert int(key.replace(".", ""), 2) == units
    assert exchange == ladder.rung(units.bit_length() - 1)


def test_short_delays_do_not_wait_behind_long_ones(bench: Bench) -> None:
    consumer, now = bench.consume(), time.time()
    bench.broker.publish(
        [message("late", eta=now + 4.0), message("early", eta=now + 2.0), message("middle", eta=now + 3.0)]
    )

    order = [delivery.message.id for delivery in fetch_all(consumer, 3)]

    assert order == ["early", "middle", "late"]


def test_an_eta_that_a_celery_client_sent_into_the_queue_waits_in_the_server(bench: Bench) -> None:
    consumer, eta = bench.consume(), time.time() + 3.0
    properties = headers_and_properties(message(eta=eta))
    del properties["headers"]["kernelq"]
    bench.raw("", bench.prefix + "q", b"[[], {}, {}]", **properties)

    assert consumer.fetch(1, 0.2) == []
    [delivery] = fetch_all(consumer, 1)

    assert time.time() >= eta - 0.002
    assert not delivery.suspect


def test_a_message_due_later_than_the_ladder_is_long_is_moved_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    eta = time.time() + 0.8
    monkeypatch.setattr(ladder, "LONGEST", 0.3)
    consumer = bench.consume()
    bench.broker.publish([message(eta=eta)])

    [_] = fetch_all(consumer, 1)

    assert time.time() >= eta - 0.002


# --- what a consumer holds


def test_fences_never_go_down(make: Make) -> None:
    for settings in ({}, {"task_queue_max_priority": 10}):
        bench = make(**settings)
        queue = uuid()
        consumer = bench.consume(queue)
        bench.broker.publish([message(queue=queue)])
        fences = []
        verdicts = (Verdict.REQUEUE, Verdict.PARK, Verdict.REQUEUE, Verdict.CRASHED, Verdict.DEAD, Verdict.REQUEUE)
        for verdict in verdicts:
            [delivery] = fetch_all(consumer, 1)
            fences.append(delivery.fence)
            settle(consumer, delivery, verdict=verdict, delay=0.05)
            if verdict is Verdict.DEAD:
                bench.broker.dead_retry([letter.ref for letter in bench.broker.dead(queue=queue)])

        assert fences == [1, 2, 3, 4, 5, 6]


def test_what_a_lane_gave_back_itself_is_not_suspect(make: Make) -> None:
    bench = make()
    bench.broker.publish(messages(3))
    consumer = bench.consume()
    settle(consumer, *fetch_all(consumer, 3), verdict=Verdict.REQUEUE)

    assert [delivery.suspect for delivery in fetch_all(consumer, 3)] == [False] * 3


def test_a_requeued_message_comes_before_what_waits_in_a_classic_queue(make: Make) -> None:
    bench = make(task_default_queue_type="classic")
    bench.broker.publish(messages(4))
    consumer = bench.consume()
    first, _ = consumer.fetch(2, 0)

    settle(consumer, first, verdict=Verdict.REQUEUE)

    assert [delivery.message.id for delivery in consumer.fetch(10, 0)] == ["0", "2", "3"]


def test_nothing_waits_at_a_busy_lane_while_another_one_is_idle(bench: Bench) -> None:
    busy, idle = bench.consume(), bench.consume()
    bench.broker.publish(messages(1))
    [running] = busy.fetch(10, PATIENCE)  # it may be sent nine more; and now its task takes long

    bench.broker.publish([message(f"more {number}") for number in range(20)])

    found = {delivery.message.id for delivery in fetch_all(idle, 20)}
    assert len(found) == 20
    settle(busy, running)


def test_a_busy_lane_consumes_again_at_its_next_fetch(bench: Bench) -> None:
    consumer = bench.consume()
    bench.broker.publish(messages(1))
    settle(consumer, *consumer.fetch(10, PATIENCE))
    until(lambda: not consumer._inbox._tags, "the inbox to rest")

    bench.broker.publish(messages(1))

    assert len(consumer.fetch(10, PATIENCE)) == 1


def test_a_lane_that_wants_little_once_keeps_what_lies_there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "PATIENCE", 60.0)
    consumer = bench.consume()
    assert not consumer.fetch(100, 0.01)
    bench.broker.publish(messages(10))
    until(lambda: consumer.waiting() == {"q": 10}, "the messages to lie there")

    consumer.fetch(1, PATIENCE)

    assert consumer.waiting() == {"q": 9}


def test_a_lane_that_wants_little_for_long_is_sent_little(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "PATIENCE", 60.0)
    monkeypatch.setattr(inbox, "LASTING", 0.0)
    consumer = bench.consume()
    assert not consumer.fetch(100, 0.01)
    bench.broker.publish(messages(10))
    until(lambda: consumer.waiting() == {"q": 10}, "the messages to lie there")

    fetch_all(consumer, 1)

    assert consumer.waiting().get("q", 0) <= 1


def test_a_batch_is_settled_by_two_frames(bench: Bench) -> None:
    consumer = bench.consume()
    bench.broker.publish(messages(100))
    deliveries = fetch_all(consumer, 100)
    connection = consumer._link._connection
    before = connection.frames_sent

    settle(consumer, *deliveries)

    assert connection.frames_sent == before + 2  # the acknowledgement of all, and what waits for it to be done


def test_a_message_given_back_often_becomes_a_fresh_copy(make: Make) -> None:
    """RabbitMQ 4 drops from a quorum queue what was given back 20 times."""
    bench = make()
    bench.broker.publish([message()])
    consumer = bench.consume()
    counts = set()
    for _ in range(25):
        [delivery] = fetch_all(consumer, 1)
        counts.add(delivery.tag.arrival.properties["headers"].get("x-delivery-count", 0))
        settle(consumer, delivery, verdict=Verdict.REQUEUE)

    assert max(counts) < 8
    assert fetch_all(consumer, 1)[0].fence >= 25


def test_acks_of_a_batch_leave_what_else_is_held(bench: Bench) -> None:
    consumer = bench.consume()
    bench.broker.publish(messages(10))
    deliveries = fetch_all(consumer, 10)

    settle(consumer, *deliveries[5:])
    settle(consumer, *deliveries[:4])
    consumer.close()

    assert [delivery.message.id for delivery in fetch_all(bench.consume(), 1)] == ["4"]


def test_settling_twice_is_refused(bench: Bench) -> None:
    consumer = bench.consume()
    bench.broker.publish([message()])
    [delivery] = consumer.fetch(1, PATIENCE)
    settle(consumer, delivery)
    again = Transition(delivery=delivery, successors=(message("b"),))

    assert consumer.settle([again]) == [again]

    assert consumer.fetch(1, MOMENT) == []


# --- lost consumers


def in_process(function: Callable[[], None]) -> multiprocessing.Process:
    process = multiprocessing.get_context("fork").Process(target=function)
    process.start()
    return process


def lose(bench: Bench, *, started: bool) -> None:
    """Fetch in another process, which is killed then."""
    ready = multiprocessing.get_context("fork").Event()

    def fetch_and_wait() -> None:
        consumer = bench.broker.consumer(["q"], id=f"lost-{os.getpid()}", lease=60.0)
        deliveries = fetch_all(consumer, 1)
        if started:
            consumer.mark_started(deliveries)
        ready.set()
        time.sleep(PATIENCE)

    process = in_process(fetch_and_wait)
    assert ready.wait(PATIENCE)
    process.kill()
    process.join()


def test_what_a_killed_process_held_comes_back_at_once_and_is_suspect(bench: Bench) -> None:
    bench.broker.publish([message()])
    lose(bench, started=False)
    begun = time.monotonic()

    [delivery] = fetch_all(bench.consume(lease=60.0), 1)

    assert time.monotonic() - begun < PATIENCE / 3
    assert (delivery.suspect, delivery.crashes, delivery.fence) == (True, 0, 2)


def test_a_suspect_that_goes_back_unstarted_stays_suspect(bench: Bench) -> None:
    bench.broker.publish([message()])
    lose(bench, started=False)
    consumer = bench.consume()
    [delivery] = fetch_all(consumer, 1)

    settle(consumer, delivery, verdict=Verdict.REQUEUE)

    [again] = fetch_all(consumer, 1)
    assert (again.suspect, again.crashes) == (True, 0)


def test_a_suspect_that_a_busy_lane_never_fetched_stays_suspect(bench: Bench) -> None:
    busy, idle = bench.consume(), bench.consume()
    bench.broker.publish([message("first")])
    [running] = busy.fetch(10, PATIENCE)  # it may be sent more; and now its task takes long
    bench.broker.publish([message("lost")])
    lose(bench, started=False)

    [delivery] = fetch_all(idle, 1)

    assert (delivery.message.id, delivery.suspect) == ("lost", True)
    settle(busy, running)


def test_a_process_that_dies_with_a_marked_message_is_charged_with_one_crash_each_time(bench: Bench) -> None:
    bench.broker.publish([message()])
    for crashes in range(1, 3):
        lose(bench, started=True)
        consumer = bench.consume()
        [delivery] = fetch_all(consumer, 1)
        assert (delivery.crashes, delivery.suspect, delivery.message) == (crashes, True, message())
        settle(consumer, delivery, verdict=Verdict.REQUEUE)
        consumer.close()


def test_a_marked_message_is_settled_once_by_who_marked_it(bench: Bench) -> None:
    consumer = bench.consume()
    bench.broker.publish(messages(2))
    deliveries = fetch_all(consumer, 2)
    consumer.mark_started(deliveries)
    consumer.mark_started(deliveries)

    settle(consumer, *deliveries)
    consumer.close()

    assert bench.consume().fetch(1, MOMENT) == []
    assert bench.broker.queues()[0].ready == 0


def test_closing_gives_a_marked_message_back_uncharged(bench: Bench) -> None:
    consumer = bench.consume()
    bench.broker.publish([message()])
    consumer.mark_started(fetch_all(consumer, 1))

    consumer.close()

    [delivery] = fetch_all(bench.consume(), 1)
    assert (delivery.crashes, delivery.suspect, delivery.message) == (0, False, message())


def test_a_marked_message_of_a_dead_consumer_can_be_taken_over(bench: Bench) -> None:
    bench.broker.publish([message(), message("b")])
    ready = multiprocessing.get_context("fork").Event()

    def fetch_and_wait() -> None:
        consumer = bench.broker.consumer(["q"], id="dead", lease=60.0)
        consumer.mark_started(fetch_all(consumer, 2)[:1])
        ready.set()
        time.sleep(PATIENCE)

    process = in_process(fetch_and_wait)
    assert ready.wait(PATIENCE)
    process.kill()
    process.join()
    heir = bench.broker.consumer((), id="heir", lease=60.0)

    [delivery] = heir.take_over("dead")
    assert (delivery.message, delivery.queue, delivery.fence) == (message(), "q", 2)
    assert heir.take_over("stranger") == []
    settle(heir, delivery, verdict=Verdict.CRASHED)
    heir.close()

    found = {delivery.message.id: delivery for delivery in fetch_all(bench.consume(), 2)}
    assert found["a"].crashes == 1
    assert (found["b"].crashes, found["b"].suspect) == (0, True)


def test_what_was_marked_on_a_lost_connection_comes_back_though_its_consumer_goes_on_marking(bench: Bench) -> None:
    before = bench.broker.consumer(["q"], id="lane", lease=60.0)
    bench.broker.publish([message("lost")])
    before.mark_started(fetch_all(before, 1))
    before.discard()
    after = bench.broker.consumer(["q"], id="lane", lease=60.0)
    bench.broker.publish([message("next")])
    [running] = fetch_all(after, 1)

    after.mark_started([running])

    [delivery] = fetch_all(after, 1)
    assert (delivery.message.id, delivery.crashes) == ("lost", 1)
    settle(after, running, delivery)
    after.close()


def test_a_message_with_a_hard_time_limit_is_marked_before_it_runs(bench: Bench) -> None:
    bench.broker.publish([message(timelimit=(5.0, None)), message("b", timelimit=(None, 5.0))])

    assert [delivery.suspect for delivery in fetch_all(bench.consume(), 2)] == [True, False]


def test_a_frozen_process_loses_its_messages_and_its_late_outcome_is_refused(bench: Bench) -> None:
    bench.broker.publish([message()])
    context = multiprocessing.get_context("fork")
    ready, refused = context.Event(), context.SimpleQueue()

    def fetch_and_settle_late() -> None:
        consumer = bench.broker.consumer(["q"], id="frozen", lease=1.0)
        deliveries = fetch_all(consumer, 1)
        ready.set()
        os.kill(os.getpid(), signal.SIGSTOP)
        held = consumer.held(deliveries)
        late = [Transition(delivery=each, successors=(message("b"),)) for each in deliveries]
        refused.put((len(held), len(consumer.settle(late)), bench.broker.renew(["frozen"])))

    process = in_process(fetch_and_settle_late)
    assert ready.wait(PATIENCE)
    consumer = bench.consume()
    [delivery] = fetch_all(consumer, 1)
    os.kill(process.pid, signal.SIGCONT)

    assert refused.get() == (0, 1, ["frozen"])
    process.join()
    settle(consumer, delivery)
    assert consumer.fetch(1, MOMENT) == []


def test_a_discarded_consumer_lets_go_at_once(bench: Bench) -> None:
    consumer = bench.consume()
    bench.broker.publish([message()])
    deliveries = fetch_all(consumer, 1)

    consumer.discard()

    [delivery] = fetch_all(bench.consume(), 1)
    assert delivery.message == message()
    assert consumer.held(deliveries) == []


class Somebody:
    """Takes the place of a consumer."""


def test_consumers_may_be_made_while_others_look_at_them(bench: Bench) -> None:
    known: Any = bench.broker._consumers
    is_over = threading.Event()

    def make_and_drop() -> None:
        kept: list[Somebody] = []
        while not is_over.is_set():
            kept.append(Somebody())
            known[0, uuid()] = kept[-1]
            if len(kept) > 50:
                kept.clear()

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    maker = threading.Thread(target=make_and_drop)
    maker.start()
    try:
        for _ in range(20_000):
            bench.broker._mine()
    finally:
        is_over.set()
        maker.join()
        sys.setswitchinterval(usual)


# --- the server's faults


def test_a_waiting_fetch_ends_when_its_queue_is_deleted_and_a_new_consumer_declares_it(bench: Bench) -> None:
    consumer = bench.consume(id="same")
    assert consumer.fetch(1, 0) == []  # it consumes now
    name = bench.prefix + "q"
    delete = threading.Timer(
        0.2, lambda: bench.broker._amqp.ask(lambda channel, done: channel.queue_delete(name, callback=done))
    )
    delete.start()

    with pytest.raises(BrokerUnavailable, match="deleted"):
        consumer.fetch(1, PATIENCE)
    consumer.discard()

    bench.broker.publish([message()])
    assert len(fetch_all(bench.consume(id="same"), 1)) == 1


def test_marks_of_revoked_tasks_are_refused_with_the_way_out() -> None:
    with KernelQ("amqp", broker="amqp://nowhere.invalid", set_as_current=False) as app:
        assert not app.broker.capabilities.revoking
        with pytest.raises(CapabilityMissing, match="AmqpBroker keeps no marks of revoked tasks; give tasks `expires`"):
            app.broker.revoke(["a"], 60)


def test_confirmed_messages_survive_the_kill_of_the_server(bench: Bench, rabbit_server: RabbitServer) -> None:
    now = time.time()
    bench.broker.publish([*messages(50), message("later", eta=now + 1.0)])
    consumer = bench.consume()
    [held] = consumer.fetch(1, PATIENCE)
    # RabbitMQ 3.10 writes down only now and then which quorum queues there are: one made just before may come back dead.
    rabbit_server.control("eval", "[dets:sync(Table) || Table <- dets:all()].")

    rabbit_server.kill()
    try:
        with pytest.raises(BrokerUnavailable):
            fetch_all(consumer, 100)
        with pytest.raises(BrokerUnavailable, match="cannot reach RabbitMQ"):
            bench.broker.renew([])
        with pytest.raises(BrokerUnavailable):
            bench.broker.publish([message("lost")])
    finally:
        rabbit_server.start()
    consumer.discard()

    found = {delivery.message.id for delivery in fetch_like_a_lane(bench, 51)}
    assert found == {*(str(number) for number in range(50)), "later"}
    assert consumer.settle([Transition(delivery=held)]) != []


def test_an_alarm_stops_publishing_and_neither_acks_nor_probes(bench: Bench, rabbit_server: RabbitServer) -> None:
    consumer = bench.consume()
    bench.broker.publish(messages(2))
    first, second = fetch_all(consumer, 2)
    bench.app.engine(bench.app.broker_url).connect_timeout = 1.0

    rabbit_server.control("set_vm_memory_high_watermark", "0.0001")
    try:
        # The server tells its connections after it has answered; till then they take what is published.
        until(
            lambda: "running" not in rabbit_server.control("list_connections", "state").split(), "the alarm to be told"
        )
        with pytest.raises(BrokerFull, match="blocks publishers"):
            bench.broker.publish([message("more")])
        settle(consumer, first)
        assert bench.broker.renew([]) == []
        assert [finding.level for finding in bench.broker.examine() if "blocks publishers" in finding.what] == [
            "warning"
        ]
    finally:
        rabbit_server.control("set_vm_memory_high_watermark", "0.6")

    settle(consumer, second)
    bench.app.engine(bench.app.broker_url).connect_timeout = PATIENCE
    bench.broker.publish([message("more")])
    assert [delivery.message.id for delivery in fetch_all(consumer, 1)] == ["more"]
    assert consumer.fetch(1, MOMENT) == []


# --- dropping a queue ----------------------------------------------------------------------------


def test_a_dropped_queue_leaves_nothing_on_the_server(bench: Bench, rabbit_server: RabbitServer) -> None:
    bench.broker.publish(messages(3))

    bench.broker.drop("q")

    assert bench.broker.queues() == []
    left = rabbit_server.control("list_queues", "name") + rabbit_server.control("list_exchanges", "name")
    assert f"{bench.prefix}q" not in left.split()


def test_a_queue_may_be_used_again_after_it_was_dropped_or_dropped_unused(bench: Bench) -> None:
    bench.broker.drop("q")
    bench.broker.publish([message("a")])
    bench.broker.drop("q")

    bench.broker.publish([message("b")])

    [delivery] = bench.consume().fetch(10, PATIENCE)
    assert isinstance(delivery.message, Message)
    assert delivery.message.id == "b"


def test_the_exchange_of_a_dropped_queue_stays_while_another_queue_is_bound_to_it(bench: Bench) -> None:
    bench.broker.publish([message("a"), message("b", queue="other", exchange="q", routing_key="other")])

    bench.broker.drop("q")

    assert [stats.name for stats in bench.broker.queues()] == ["other"]
