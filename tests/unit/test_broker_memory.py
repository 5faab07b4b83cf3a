"""The memory drivers, beyond the contract: their engine, their clock, and what a fork leaves of them."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Thread

import pytest
from kernelq import KernelQ
from kernelq.contracts import Effect, Message, Outcome, Transition, Verdict
from kernelq_plugins.backend_memory.backend import MemoryBackend
from kernelq_plugins.broker_memory.broker import MemoryBroker
from kernelq_plugins.broker_memory.engine import MemoryEngine

NOON = 1_700_000_000.0


@pytest.fixture
def app() -> Iterator[KernelQ]:
    with KernelQ("memory", broker="memory://", backend="memory://", set_as_current=False) as app:
        yield app


@pytest.fixture
def engine(app: KernelQ) -> MemoryEngine:
    engine = app.engine("memory://")
    assert isinstance(engine, MemoryEngine)
    engine.now = lambda: NOON
    return engine


def _message(id: str, **fields: object) -> Message:
    return Message(**{"id": id, "task": "add", "body": b"[[], {}, {}]", "queue": "q", **fields})  # type: ignore[arg-type]  # a test's own fields


@pytest.mark.parametrize(
    ("url", "identity"),
    [
        ("memory://", "memory://"),
        ("memory:///", "memory://"),
        ("memory://one", "memory://one"),
        ("memory://user:secret@one/", "memory://user:**@one"),
    ],
)
def test_an_engine_is_known_by_its_name(url: str, identity: str) -> None:
    assert MemoryEngine.canonical(url) == identity


def test_broker_and_backend_of_one_url_share_an_engine(app: KernelQ) -> None:
    assert app.broker.engine is app.backend.engine is app.engine("memory://")


def test_engines_of_two_names_share_nothing(app: KernelQ) -> None:
    one, other = MemoryBroker(app, "memory://one"), MemoryBroker(app, "memory://other")

    one.publish([_message("a")])

    assert other.queues() == []


def test_two_brokers_on_one_engine_are_one(app: KernelQ) -> None:
    MemoryBroker(app, "memory://").publish([_message("a")])

    consumer = MemoryBroker(app, "memory://").consumer(["q"], id="c", lease=15)

    assert len(consumer.fetch(1, 0)) == 1


def test_two_backends_on_one_engine_are_one(app: KernelQ) -> None:
    MemoryBackend(app, "memory://").apply([Outcome(id="a", state="SUCCESS")])

    assert MemoryBackend(app, "memory://").get_many(["a"])


def test_a_message_changed_after_publishing_is_published_unchanged(app: KernelQ) -> None:
    headers = {"trace": "one"}
    app.broker.publish([_message("a", headers=headers)])

    headers["trace"] = "other"

    [delivery] = app.broker.consumer(["q"], id="c", lease=15).fetch(1, 0)
    assert isinstance(delivery.message, Message)
    assert delivery.message.headers == {"trace": "one"}


def test_a_forked_child_begins_empty_even_if_the_lock_was_held(app: KernelQ, engine: MemoryEngine) -> None:
    app.broker.publish([_message("a")])
    app.backend.apply([Outcome(id="a", state="SUCCESS")])
    is_held, may_go = Event(), Event()

    def hold() -> None:
        with engine.condition:
            is_held.set()
            may_go.wait(30)

    holder = Thread(target=hold)
    holder.start()
    assert is_held.wait(30)
    engine.forget_connections()

    assert app.broker.queues() == []
    assert app.backend.get_many(["a"]) == {}
    may_go.set()
    holder.join()


def test_an_eta_is_judged_by_the_engines_clock(app: KernelQ, engine: MemoryEngine) -> None:
    consumer = app.broker.consumer(["q"], id="c", lease=15)
    app.broker.publish([_message("a", eta=NOON + 60)])
    assert consumer.fetch(1, 0) == []

    engine.now = lambda: NOON + 60

    assert len(consumer.fetch(1, 0)) == 1


def test_a_lease_that_ended_counts_until_its_message_is_taken_back(app: KernelQ, engine: MemoryEngine) -> None:
    consumer = app.broker.consumer(["q"], id="c", lease=15)
    app.broker.publish([_message("a")])
    [delivery] = consumer.fetch(1, 0)

    engine.now = lambda: NOON + 16

    assert app.broker.renew(["c"]) == ["c"]
    assert consumer.settle([Transition(delivery=delivery)]) == []


def test_a_dead_letter_whose_key_was_published_again_gives_way(app: KernelQ) -> None:
    consumer = app.broker.consumer(["q"], id="c", lease=15)
    app.broker.publish([_message("a")])
    consumer.settle([Transition(delivery=consumer.fetch(1, 0)[0], verdict=Verdict.DEAD)])
    app.broker.publish([_message("a", priority=5)])

    assert app.broker.dead_retry([letter.ref for letter in app.broker.dead()]) == 1

    assert [delivery.message for delivery in consumer.fetch(10, 0)] == [_message("a", priority=5)]
    assert app.broker.dead() == []


def test_an_outcome_is_outlived_by_the_engines_clock(app: KernelQ, engine: MemoryEngine) -> None:
    app.backend.apply([Outcome(id="a", state="SUCCESS", ttl=60.0), Outcome(id="b", state="SUCCESS")])

    engine.now = lambda: NOON + 60

    assert set(app.backend.get_many(["a", "b"])) == {"b"}
    assert app.backend.cleanup() == 1
    assert app.backend.cleanup() == 0


def test_an_outlived_outcome_refuses_nothing(app: KernelQ, engine: MemoryEngine) -> None:
    app.backend.apply([Outcome(id="a", state="SUCCESS", fence=5, ttl=60.0)])
    engine.now = lambda: NOON + 60

    app.backend.apply([Outcome(id="a", state="STARTED", fence=1)])

    assert app.backend.get_many(["a"])["a"].state == "STARTED"


def test_a_change_that_was_outlived_before_anybody_looked_is_not_told(app: KernelQ, engine: MemoryEngine) -> None:
    with app.backend.watch(["a"]) as watch:
        app.backend.apply([Outcome(id="a", state="SUCCESS", ttl=60.0)])

        engine.now = lambda: NOON + 60

        assert watch.changes(0) == []


def test_an_outcome_of_a_settlement_is_stored_under_the_brokers_lock(app: KernelQ, engine: MemoryEngine) -> None:
    consumer = app.broker.consumer(["q"], id="c", lease=15)
    app.broker.publish([_message("a")])
    effect = Effect(app.backend, Outcome(id="a", state="SUCCESS"))

    with engine.condition:
        assert consumer.settle([Transition(delivery=consumer.fetch(1, 0)[0], effects=(effect,))]) == []

    assert app.backend.get_many(["a"])["a"].state == "SUCCESS"
