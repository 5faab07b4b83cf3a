"""The SQL broker, beyond the contract: its indexes, its rows, its bells and its clock."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from kernelq.contracts import (
    BrokerUnavailable,
    Delivery,
    Effect,
    Engine,
    ImproperlyConfigured,
    Message,
    Store,
    Transition,
    Undecodable,
    Verdict,
)
from kernelq.sql import Wakeup
from kernelq_plugins.broker_sql import sqlite
from kernelq_plugins.broker_sql.broker import SqlBroker
from kernelq_plugins.broker_sql.consumer import SqlConsumer
from kernelq_plugins.broker_sql.statements import PROMOTED_AT_ONCE, statements_of
from kernelq_plugins.engine_sql.engine import SqlEngine

LEASE = 15.0
NOON = 1_700_000_000.0


class App:
    """As much of an app as drivers see."""

    def __init__(self) -> None:
        self.conf = SimpleNamespace()
        self._engines: dict[str, SqlEngine] = {}

    def engine(self, url: str) -> SqlEngine:
        name = SqlEngine.canonical(url)
        if name not in self._engines:
            self._engines[name] = SqlEngine(url)
        return self._engines[name]


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.sqlite3"


@pytest.fixture
def broker(path: Path, clock: Clock) -> Iterator[SqlBroker]:
    broker = SqlBroker(App(), f"sqlite:///{path}?busy_timeout=0.05", now=clock)  # type: ignore[arg-type]  # a stand-in
    yield broker
    broker.close()


@pytest.fixture
def consume(broker: SqlBroker) -> Iterator[Callable[..., SqlConsumer]]:
    opened: list[SqlConsumer] = []

    def make(id: str = "one", *queues: str) -> SqlConsumer:
        opened.append(broker.consumer(queues or ("q",), id=id, lease=LEASE))
        return opened[-1]

    yield make
    for consumer in opened:
        consumer.close()


def _message(id: str, **fields: Any) -> Message:
    return Message(**{"id": id, "task": "tests.add", "body": b"[]", "queue": "q", **fields})


def _ids(deliveries: Sequence[Delivery]) -> list[str]:
    return [each.message.id for each in deliveries if isinstance(each.message, Message)]


def _ack(consumer: SqlConsumer, deliveries: Sequence[Delivery]) -> None:
    assert consumer.settle([Transition(delivery=delivery) for delivery in deliveries]) == []


def _rows(path: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


# Rows and indexes


@pytest.mark.parametrize("queues", [1, 3])
def test_a_claim_reads_the_head_of_an_index_only(broker: SqlBroker, path: Path, queues: int) -> None:
    broker.publish([_message("a")])

    heads = [value for i in range(queues) for value in (f"q{i}", 10)]
    plan = _plan(path, sqlite._claim(queues), "holder", *heads, 10)

    assert [step for step in plan if "kernelq_messages" in step] == [
        "SEARCH kernelq_messages USING INTEGER PRIMARY KEY (rowid=?)",
        *["SEARCH kernelq_messages USING INDEX kernelq_ready (queue=?)"] * queues,
    ]


def test_no_other_statement_of_a_worker_scans_the_messages(broker: SqlBroker, path: Path) -> None:
    broker.publish([_message("a")])

    statements = {
        sqlite._PROMOTE: (NOON,),
        sqlite._FREE: ("holder",),
        sqlite._ACKNOWLEDGE: (1, "holder", 1),
        sqlite._glance(2): ("q", "r", "one"),
    }
    plans = [_plan(path, statement, *values) for statement, values in statements.items()]

    assert not [step for plan in plans for step in plan if "SCAN kernelq_messages" in step]


def _plan(path: Path, statement: str, *values: object) -> list[str]:
    return [step for *_, step in _rows(path, f"EXPLAIN QUERY PLAN {statement}", *values)]


def test_a_row_number_is_never_used_again(broker: SqlBroker, consume: Callable[..., SqlConsumer]) -> None:
    consumer = consume()
    broker.publish([_message("a")])
    [first] = consumer.fetch(1, 0)
    _ack(consumer, [first])
    broker.publish([_message("b")])
    [second] = consumer.fetch(1, 0)

    again = Transition(delivery=first)

    assert consumer.settle([again]) == [again]
    _ack(consumer, [second])


def test_a_priority_out_of_range_counts_as_the_nearest(broker: SqlBroker, consume: Callable[..., SqlConsumer]) -> None:
    broker.publish([_message("a", priority=-3), _message("b", priority=9), _message("c", priority=255)])

    assert _ids(consume().fetch(10, 0)) == ["b", "c", "a"]


@pytest.mark.parametrize("blob", ["text in place of bytes", 7, b""])
def test_a_damaged_row_is_handed_out_and_buried(
    broker: SqlBroker, consume: Callable[..., SqlConsumer], path: Path, blob: object
) -> None:
    broker.publish([_message("a"), _message("b", queue="other")])
    _rows(path, "UPDATE kernelq_messages SET blob = ?", blob)
    consumer, heir = consume(), consume("heir")

    consumer.fetch(1, 0)
    [delivery] = heir.take_over(consumer.id)
    assert isinstance(delivery.message, Undecodable)
    assert heir.settle([Transition(delivery=delivery, verdict=Verdict.DEAD, reason="undecodable")]) == []

    [letter] = broker.dead()
    assert letter.message is None
    assert letter.raw == (blob if isinstance(blob, bytes) else str(blob).encode())


# The inbox


def test_messages_published_alone_cost_about_one_page_each(broker: SqlBroker, path: Path) -> None:
    broker.publish([_message("first")])
    pages = _pages_written(path)

    for number in range(20):
        broker.publish([_message(str(number))])

    assert _pages_written(path) - pages < 30


def test_messages_are_handed_out_in_the_order_published_alone_or_together(
    broker: SqlBroker, consume: Callable[..., SqlConsumer]
) -> None:
    broker.publish([_message("a")])
    broker.publish([_message("b"), _message("c")])
    broker.publish([_message("d")])
    broker.publish([_message("soon", priority=9)])

    assert _ids(consume().fetch(10, 0)) == ["soon", "a", "b", "c", "d"]


def test_a_message_published_alone_for_later_that_is_due_by_the_next_claim_is_handed_out_at_once(
    broker: SqlBroker, consume: Callable[..., SqlConsumer], clock: Clock
) -> None:
    broker.publish([_message("a", eta=clock() + 20)])
    broker.publish([_message("b")])

    clock.time += 30

    assert sorted(_ids(consume().fetch(10, 0))) == ["a", "b"]


def test_a_key_that_waits_keeps_the_same_one_out(broker: SqlBroker, consume: Callable[..., SqlConsumer]) -> None:
    for _ in range(2):
        broker.publish([_message("a")])
    assert [queue.ready for queue in broker.queues()] == [1]
    consumer = consume()
    _ack(consumer, consumer.fetch(10, 0))

    assert consumer.fetch(10, 0) == []


@pytest.mark.parametrize("verdict", [Verdict.ACK, Verdict.DEAD])
def test_a_key_that_was_leased_when_it_was_published_again_keeps_that_one_out(
    broker: SqlBroker, consume: Callable[..., SqlConsumer], verdict: Verdict
) -> None:
    broker.publish([_message("a")])
    consumer = consume()
    [delivery] = consumer.fetch(10, 0)
    broker.publish([_message("a")])  # nobody claims before the first is settled
    assert [(queue.ready, queue.running) for queue in broker.queues()] == [(0, 1)]

    assert consumer.settle([Transition(delivery=delivery, verdict=verdict)]) == []

    assert consumer.fetch(10, 0) == []


def test_a_key_published_again_after_it_was_settled_waits(
    broker: SqlBroker, consume: Callable[..., SqlConsumer]
) -> None:
    consumer = consume()
    broker.publish([_message("a")])
    _ack(consumer, consumer.fetch(10, 0))

    broker.publish([_message("a")])

    assert _ids(consumer.fetch(10, 0)) == ["a"]


def test_a_dead_letter_is_forgotten_when_its_key_was_published_again_alone(
    broker: SqlBroker, consume: Callable[..., SqlConsumer]
) -> None:
    consumer = consume()
    broker.publish([_message("a")])
    consumer.settle([Transition(delivery=each, verdict=Verdict.DEAD) for each in consumer.fetch(10, 0)])
    broker.publish([_message("a", body=b"new")])

    assert broker.dead_retry([letter.ref for letter in broker.dead()]) == 1

    [delivery] = consumer.fetch(10, 0)
    assert isinstance(delivery.message, Message)
    assert delivery.message.body == b"new"


def test_a_purge_drops_what_nobody_has_looked_at(broker: SqlBroker) -> None:
    broker.publish([_message("a")])
    broker.publish([_message("b", eta=NOON + 50)])

    assert broker.purge("q") == 2

    assert broker.queues() == []


def test_what_nobody_has_looked_at_is_counted_without_writing(broker: SqlBroker, path: Path) -> None:
    broker.publish([_message("a")])
    broker.publish([_message("b", eta=NOON + 50)])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    [queue] = broker.queues()

    other.close()
    assert (queue.ready, queue.delayed, queue.oldest_ready_at) == (1, 1, NOON)


def test_who_makes_the_inbox_long_brings_it_in(broker: SqlBroker, path: Path) -> None:
    for number in range(sqlite.INBOX_MOST + 5):
        broker.publish([_message(str(number))])

    assert _rows(path, "SELECT count(*) FROM kernelq_inbox") == [(5,)]
    assert _rows(path, "SELECT count(*) FROM kernelq_messages") == [(sqlite.INBOX_MOST,)]


def test_a_claim_that_is_undone_leaves_the_inbox_as_it_was(
    broker: SqlBroker, consume: Callable[..., SqlConsumer], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.publish([_message("a")])
    with monkeypatch.context() as patched:
        patched.setattr(sqlite, "_handed_out", lambda raw, rows: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            consume().fetch(1, 0)

    assert _rows(path, "SELECT count(*) FROM kernelq_inbox") == [(1,)]
    assert _ids(consume("two").fetch(1, 0)) == ["a"]


def _pages_written(path: Path) -> int:
    """Since the log began."""
    return (path.with_name(path.name + "-wal").stat().st_size - 32) // (24 + 4096)


def test_a_queue_that_is_read_is_known_while_it_is_empty(
    broker: SqlBroker, consume: Callable[..., SqlConsumer]
) -> None:
    consumer = consume("one", "empty")
    consumer.fetch(1, 0)
    assert [(queue.name, queue.ready) for queue in broker.queues()] == [("empty", 0)]

    consumer.close()

    assert broker.queues() == []


def test_what_is_due_but_not_yet_claimed_counts_as_ready(broker: SqlBroker, clock: Clock) -> None:
    broker.publish([_message("a", eta=NOON + 5), _message("b", eta=NOON + 50)])
    clock.time += 10

    [queue] = broker.queues()

    assert (queue.ready, queue.delayed, queue.oldest_ready_at) == (1, 1, NOON)


def test_a_purge_takes_as_many_transactions_as_it_needs(broker: SqlBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernelq_plugins.broker_sql.broker._PURGED_AT_ONCE", 2)
    broker.publish([_message(str(i), eta=NOON + i) for i in range(5)])

    assert broker.purge("q") == 5
    assert broker.queues() == []


def test_refs_that_are_no_numbers_are_unknown(broker: SqlBroker) -> None:
    assert broker.dead_retry(["", "abc", "-1", "²", "9" * 40]) == 0
    assert broker.dead_purge(["abc"]) == 0


def test_a_dead_letter_whose_key_was_published_again_is_forgotten(
    broker: SqlBroker, consume: Callable[..., SqlConsumer]
) -> None:
    consumer = consume()
    broker.publish([_message("a")])
    [delivery] = consumer.fetch(1, 0)
    consumer.settle([Transition(delivery=delivery, verdict=Verdict.DEAD, reason="rejected")])
    broker.publish([_message("a")])

    assert broker.dead_retry([letter.ref for letter in broker.dead()]) == 1

    assert broker.dead() == []
    assert _ids(consumer.fetch(10, 0)) == ["a"]


# Time


def test_nothing_comes_a_moment_before_its_eta(
    broker: SqlBroker, consume: Callable[..., SqlConsumer], clock: Clock
) -> None:
    consumer = consume()
    broker.publish([_message("a", eta=NOON + 60)])

    clock.time = NOON + 59.999
    assert consumer.fetch(1, 0) == []

    clock.time = NOON + 60
    assert _ids(consumer.fetch(1, 0)) == ["a"]


def test_a_crowd_due_in_another_queue_hides_nothing(
    broker: SqlBroker, consume: Callable[..., SqlConsumer], clock: Clock
) -> None:
    crowd = [_message(str(i), queue="other", eta=NOON + 1) for i in range(2 * PROMOTED_AT_ONCE)]
    broker.publish([*crowd, _message("mine", eta=NOON + 2)])
    clock.time += 10

    assert _ids(consume().fetch(1, 30)) == ["mine"]


def test_a_lease_is_renewed_for_as_long_as_it_was_taken(
    broker: SqlBroker, consume: Callable[..., SqlConsumer], clock: Clock
) -> None:
    consume().fetch(1, 0)

    clock.time += LEASE - 1
    assert broker.renew(["one", "stranger"]) == ["stranger"]
    clock.time += LEASE - 1
    assert broker.renew(["one"]) == []
    clock.time += LEASE
    assert broker.renew(["one"]) == ["one"]


def test_an_attempt_may_settle_after_its_lease_until_it_is_taken_back(
    broker: SqlBroker, consume: Callable[..., SqlConsumer], clock: Clock
) -> None:
    late, later, other = consume("late"), consume("later"), consume("other")
    broker.publish([_message("a"), _message("b")])
    [first], [second] = late.fetch(1, 0), later.fetch(1, 0)
    clock.time += LEASE

    _ack(late, [first])
    other.fetch(1, 0)

    stale = Transition(delivery=second)
    assert later.settle([stale]) == [stale]


def test_closing_gives_back_and_ends_the_lease(
    broker: SqlBroker, consume: Callable[..., SqlConsumer], path: Path
) -> None:
    consumer = consume()
    broker.publish([_message("a")])
    consumer.fetch(1, 0)

    consumer.close()

    assert _rows(path, "SELECT id FROM kernelq_consumers") == []
    [delivery] = consume("two").fetch(1, 0)
    assert (delivery.fence, delivery.suspect, delivery.crashes) == (2, False, 0)


# Locks and bells


def test_an_idle_fetch_takes_no_write_lock(broker: SqlBroker, consume: Callable[..., SqlConsumer], path: Path) -> None:
    consumer = consume()
    assert consumer.fetch(1, 0) == []
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    assert consumer.fetch(1, 0.01) == []

    other.close()


def test_publishing_into_a_locked_file_fails_clearly(broker: SqlBroker, path: Path) -> None:
    broker.publish([_message("a")])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(BrokerUnavailable, match=r"queue\.sqlite3 was locked"):
        broker.publish([_message("b")])

    other.close()


@pytest.fixture
def bell(broker: SqlBroker) -> Iterator[Wakeup]:
    broker.queues()  # opens the file
    bell = cast(SqlEngine, broker.engine).listen("any")
    yield bell
    bell.close()


@pytest.mark.parametrize(("delay", "rings"), [(0.0, True), (0.5, True), (60.0, False)])
def test_a_publish_rings_only_for_what_is_ready_soon(
    broker: SqlBroker, bell: Wakeup, delay: float, rings: bool
) -> None:
    broker.publish([_message("a", eta=NOON + delay)])

    assert bell.wait(0) is rings


@pytest.mark.parametrize(
    ("verdict", "delay", "rings"),
    [
        (Verdict.ACK, 0.0, False),
        (Verdict.DEAD, 0.0, False),
        (Verdict.REQUEUE, 0.0, True),
        (Verdict.CRASHED, 0.0, True),
        (Verdict.PARK, 0.5, True),
        (Verdict.PARK, 60.0, False),
    ],
)
def test_a_settlement_rings_only_for_what_is_ready_soon(
    broker: SqlBroker, consume: Callable[..., SqlConsumer], bell: Wakeup, verdict: Verdict, delay: float, rings: bool
) -> None:
    consumer = consume()
    broker.publish([_message("a")])
    [delivery] = consumer.fetch(1, 0)
    bell.wait(0)

    consumer.settle([Transition(delivery=delivery, verdict=verdict, delay=delay)])

    assert bell.wait(0) is rings


def test_a_fetch_of_nothing_is_refused(consume: Callable[..., SqlConsumer]) -> None:
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        consume().fetch(0, 0)


# Stores on the same engine


class Notebook(Store):
    """A store that notes what it is asked, and answers with a message for each."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.calls: list[list[str]] = []

    def apply(self, ops: Sequence[str]) -> Sequence[Message]:
        raise NotImplementedError

    def apply_within(self, handle: Any, ops: Sequence[str]) -> Sequence[Message]:
        assert handle.exec_driver_sql("SELECT count(*) FROM kernelq_messages").scalar() == 0
        self.calls.append(list(ops))
        return [_message(f"after {op}") for op in ops]


def test_each_store_is_asked_once_inside_the_transaction(
    broker: SqlBroker, consume: Callable[..., SqlConsumer]
) -> None:
    one, other = Notebook(broker.engine), Notebook(broker.engine)
    consumer = consume()
    broker.publish([_message("a"), _message("b")])

    effects = {"a": (Effect(one, "1"), Effect(other, "2")), "b": (Effect(one, "3"),)}
    transitions = [
        Transition(delivery=delivery, effects=effects[_ids([delivery])[0]]) for delivery in consumer.fetch(2, 0)
    ]
    assert consumer.settle(transitions) == []

    assert (one.calls, other.calls) == ([["1", "3"]], [["2"]])
    assert _ids(consumer.fetch(10, 0)) == ["after 1", "after 3", "after 2"]


def test_a_successor_may_bear_the_key_of_what_it_follows(
    broker: SqlBroker, consume: Callable[..., SqlConsumer]
) -> None:
    consumer = consume()
    broker.publish([_message("a")])

    consumer.settle([Transition(delivery=consumer.fetch(1, 0)[0], successors=(_message("a"),))])

    [delivery] = consumer.fetch(1, 0)
    assert (_ids([delivery]), delivery.fence) == (["a"], 1)


def test_a_delivery_given_twice_in_a_batch_is_settled_once(
    broker: SqlBroker, consume: Callable[..., SqlConsumer]
) -> None:
    consumer = consume()
    broker.publish([_message("a")])
    [delivery] = consumer.fetch(1, 0)
    first = Transition(delivery=delivery)
    second = Transition(delivery=delivery, successors=(_message("b"),))

    refused = consumer.settle([first, second])

    assert len(refused) == 1
    assert refused[0] is second
    assert consumer.fetch(1, 0) == []


def test_a_dialect_without_statements_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match="no SQL broker for dialect 'oracle'"):
        statements_of("oracle")
