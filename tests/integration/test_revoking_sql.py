"""Marks of revoked tasks in SQL databases, beyond the contract: races, locks, killed processes, and what they cost."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from kernelq import KernelQ, uuid
from kernelq.contracts import Delivery, Message, Transition, Verdict, pack
from kernelq.sql import SqlEngine
from kernelq_plugins.broker_sql import consumer as consumer_module
from kernelq_plugins.broker_sql import mysql, postgresql, sqlite
from kernelq_plugins.broker_sql.broker import SqlBroker
from kernelq_plugins.broker_sql.tables import messages, revoked
from sqlalchemy import func, select, update
from waiting import PATIENCE, until

LATER = 3_600.0
ENOUGH = 600.0
FORK = multiprocessing.get_context("fork")
SERVERS = pytest.mark.parametrize("engine", ["postgresql", "mysql"])
"""Where several write at once."""


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if engine == "sqlite":
        return f"sqlite:///{tmp_path}/queue.sqlite3"
    server = request.getfixturevalue({"postgresql": "postgres_server", "mysql": "maria_server"}[engine])
    return str(server.fresh(uuid()))


@pytest.fixture
def app(url: str) -> Iterator[KernelQ]:
    with KernelQ("proj", broker=url, set_as_current=False) as app:
        yield app


@pytest.fixture
def broker(app: KernelQ) -> SqlBroker:
    return cast(SqlBroker, app.broker)


def _message(id: str, **fields: Any) -> Message:
    return Message(**{"id": id, "task": "t", "body": b"[]", "queue": "q", **fields})


def _marks(deliveries: list[Delivery]) -> dict[str, bool]:
    return {cast(Message, each.message).key: each.revoked for each in deliveries}


def _marked(broker: SqlBroker) -> int:
    with cast(SqlEngine, broker.engine).read() as connection:
        return int(connection.scalar(select(func.count()).select_from(revoked)) or 0)


def _ask(broker: SqlBroker, statement: str) -> None:
    with cast(SqlEngine, broker.engine).begin() as connection:
        connection.exec_driver_sql(statement)


# What becomes ready


def test_a_retry_that_waits_for_its_time_becomes_ready_and_is_not_named(broker: SqlBroker) -> None:
    later = time.time() + LATER
    broker.publish([_message(id, retries=2, eta=later) for id in ("a", "b", "ab", "a:")])

    assert broker.revoke(["a", "a1"], ENOUGH) == []

    assert _marks(broker.consumer(["q"], id="one", lease=60.0).fetch(9, 0)) == {"a:0:2": True}


def test_a_task_named_like_anothers_retry_leaves_that_alone(broker: SqlBroker) -> None:
    broker.publish([_message("a", retries=1, eta=time.time() + LATER), _message("b:0:1", eta=time.time() + LATER)])

    assert broker.revoke(["a:0:1", "b:0:1"], ENOUGH) == ["b:0:1"]

    assert _marks(broker.consumer(["q"], id="one", lease=60.0).fetch(9, 0)) == {"b:0:1": True}
    assert broker.revoke(["a", "a:0:1"], ENOUGH) == []


def test_ids_given_twice_or_not_at_all_are_no_error(broker: SqlBroker) -> None:
    broker.publish([_message("a")])

    assert broker.revoke([], ENOUGH) == []
    assert broker.revoke(["a", "b", "a"], ENOUGH) == ["a"]

    assert _marked(broker) == 2


def test_ids_are_told_apart_by_case_and_by_spaces(broker: SqlBroker) -> None:
    broker.publish([_message("a")])

    assert broker.revoke(["A", "a "], ENOUGH) == []

    assert _marks(broker.consumer(["q"], id="one", lease=60.0).fetch(9, 0)) == {"a": False}


def test_a_message_that_cannot_be_read_bears_no_mark(broker: SqlBroker) -> None:
    broker.publish([_message("a")])
    broker.revoke(["a"], ENOUGH)
    with cast(SqlEngine, broker.engine).begin() as connection:
        connection.execute(update(messages).values(blob=b"torn"))

    [delivery] = broker.consumer(["q"], id="one", lease=60.0).fetch(9, 0)

    assert not delivery.revoked


# When marks end


def test_a_mark_that_has_ended_counts_no_more_and_goes_with_the_next_revocation(broker: SqlBroker) -> None:
    start = broker.now()
    broker.now = lambda: start
    broker.revoke(["a"], 10.0)
    broker.now = lambda: start + 10.0
    broker.publish([_message("a")])

    assert _marks(_taken_unswept(broker)) == {"a": False}
    assert _marked(broker) == 1
    broker.revoke(["b"], 10.0)

    assert _marked(broker) == 1


def _taken_unswept(broker: SqlBroker) -> list[Delivery]:
    consumer = broker.consumer(["q"], id="one", lease=60.0)
    consumer._forget_at = float("inf")
    return consumer.fetch(9, 0)


def test_claims_forget_marks_that_have_ended(broker: SqlBroker) -> None:
    start = broker.now()
    broker.now = lambda: start
    broker.revoke(["a", "b"], 10.0)
    broker.revoke(["c"], 20.0)
    broker.now = lambda: start + 10.0
    broker.publish([_message("a")])

    broker.consumer(["q"], id="one", lease=60.0).fetch(1, 0)

    assert _marked(broker) == 1


def test_marks_outlive_a_purge_and_their_message(broker: SqlBroker) -> None:
    broker.publish([_message("a")])
    broker.revoke(["a"], ENOUGH)

    broker.purge("q")
    broker.publish([_message("a")])

    assert _marks(broker.consumer(["q"], id="one", lease=60.0).fetch(1, 0)) == {"a": True}


def test_a_dead_letter_put_back_bears_its_mark(broker: SqlBroker) -> None:
    broker.publish([_message("a")])
    consumer = broker.consumer(["q"], id="one", lease=60.0)
    [delivery] = consumer.fetch(1, 0)
    consumer.settle([Transition(delivery=delivery, verdict=Verdict.DEAD, reason="bad")])

    assert broker.revoke(["a"], ENOUGH) == []
    broker.dead_retry([letter.ref for letter in broker.dead()])

    assert _marks(consumer.fetch(1, 0)) == {"a": True}


# Tables of before


def test_a_database_of_an_older_version_gets_the_table(url: str, app: KernelQ, broker: SqlBroker) -> None:
    broker.publish([_message("a"), _message("b")])
    _ask(broker, "DROP TABLE kernelq_revoked")
    _ask(broker, "DELETE FROM kernelq_meta WHERE name = 'broker_revoked'")

    with KernelQ("newer", broker=url, set_as_current=False) as newer:
        assert newer.broker.revoke(["a"], ENOUGH) == ["a"]
        assert _marks(newer.broker.consumer(["q"], id="one", lease=60.0).fetch(2, 0)) == {"a": True, "b": False}


# What it costs


def test_without_marks_a_claim_asks_nothing_more(broker: SqlBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    broker.publish([_message("a"), _message("b"), _message("c")])
    asked: list[tuple[str, ...]] = []
    statements: Any = broker._statements
    real = statements.marked
    monkeypatch.setattr(statements, "marked", lambda *args: asked.append(tuple(args[1])) or real(*args))
    monkeypatch.setattr(consumer_module.marks, "forget_ended", lambda *args: asked.append(("forget",)))
    consumer = broker.consumer(["q"], id="one", lease=60.0)

    consumer.fetch(1, 0)
    assert asked == []

    broker.revoke(["other"], ENOUGH)
    asked.clear()
    consumer.fetch(1, 0)
    consumer.fetch(1, 0)
    assert asked == [("forget",), ("b",), ("c",)]


def test_sqlite_looks_for_what_waits_by_the_index_of_keys(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite3"
    with KernelQ("proj", broker=f"sqlite:///{path}", set_as_current=False) as app:
        app.broker.revoke(["a"], ENOUGH)
    connection = sqlite3.connect(path)

    plans = [
        step
        for statement, values in {
            sqlite._WAITING: ("a",),
            sqlite._RETRIES: ("a", "a"),
            sqlite._revoked(2): (0.0, "a", "b"),
        }.items()
        for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
    ]
    connection.close()

    assert plans == [
        "SEARCH kernelq_messages USING INDEX sqlite_autoindex_kernelq_messages_1 (key=?)",
        "SEARCH kernelq_messages USING INDEX sqlite_autoindex_kernelq_messages_1 (key>? AND key<?)",
        "SEARCH kernelq_revoked USING PRIMARY KEY (id=?)",
    ]


def test_postgresql_looks_for_what_waits_by_the_index_of_keys(postgres_server: Any) -> None:
    with KernelQ("proj", broker=postgres_server.fresh(uuid()), set_as_current=False) as app:
        broker = cast(SqlBroker, app.broker)
        _ask(
            broker,
            "INSERT INTO kernelq_messages (key, queue, priority, due_at, published_at, blob) "
            "SELECT 'k' || n || ':0:1', 'q', 0, 4e9, 0, '' FROM generate_series(1, 20000) AS n",
        )
        names = [f"k{n}" for n in range(1, 20001, 20)]
        with cast(SqlEngine, broker.engine).begin() as connection:
            plan = "\n".join(
                line for (line,) in postgresql._run(connection, "EXPLAIN " + postgresql._WAITING, (names, names))
            )
            assert len(postgresql._run(connection, postgresql._WAITING, (names, names)).fetchall()) == 1000

    assert plan.count("kernelq_messages_key_key") == 2
    assert "Seq Scan" not in plan


def test_mysql_looks_for_what_waits_by_the_index_of_keys(maria_server: Any) -> None:
    with KernelQ("proj", broker=maria_server.fresh(uuid()), set_as_current=False) as app:
        broker = cast(SqlBroker, app.broker)
        _ask(
            broker,
            "INSERT INTO kernelq_messages (`key`, queue, priority, due_at, published_at, `blob`) "
            "SELECT CONCAT('k', seq, ':0:1'), 'q', 0, 4e9, 0, '' FROM seq_1_to_20000",
        )
        with cast(SqlEngine, broker.engine).begin() as connection:
            connection.exec_driver_sql("FLUSH STATUS")
            found = mysql.MysqlStatements().waiting(connection, [f"k{n}" for n in range(1, 20001, 20)])
            read = dict(connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'").all())

    assert len(found) == 1000
    assert sum(int(number) for number in read.values()) < 6000


# Several at once


@SERVERS
def test_a_claim_waits_for_no_revocation(broker: SqlBroker) -> None:
    broker.publish([_message("a"), _message("b")])
    with cast(SqlEngine, broker.engine).begin() as connection:
        broker._statements.mark(connection, ["a"], broker.now() + ENOUGH)

        assert _marks(broker.consumer(["q"], id="one", lease=60.0).fetch(1, 0)) == {"a": False}

    assert _marks(broker.consumer(["q"], id="two", lease=60.0).fetch(1, 0)) == {"b": False}
    assert _marked(broker) == 1


@SERVERS
def test_what_is_claimed_at_that_moment_is_not_named(broker: SqlBroker) -> None:
    broker.publish([_message("a"), _message("b")])
    engine, statements = cast(SqlEngine, broker.engine), broker._statements

    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as connection:
            statements.claim(connection, "one", 60.0, ["q"], 1, broker.now())
            naming = pool.submit(broker.revoke, ["a", "b"], ENOUGH)
            assert until(lambda: _is_blocked(broker))

        assert naming.result(PATIENCE) == ["b"]


def _is_blocked(broker: SqlBroker) -> bool:
    """Whether a transaction waits for a row of another."""
    statement = {
        "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted",
        "mysql": "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'",  # innodb_trx is as old as who looks often
    }[cast(SqlEngine, broker.engine).dialect]
    with cast(SqlEngine, broker.engine).read() as connection:
        return int(connection.exec_driver_sql(statement).one()[-1]) > 0


@SERVERS
def test_a_message_in_a_transaction_of_the_callers_is_not_waited_for_and_bears_its_mark(broker: SqlBroker) -> None:
    broker.queues()
    with cast(SqlEngine, broker.engine).begin() as session:
        broker._statements.insert(session, [("a", "q", 0, 0.0, broker.now(), pack(_message("a")))])

        assert broker.revoke(["a"], ENOUGH) == []

    assert _marks(broker.consumer(["q"], id="one", lease=60.0).fetch(1, 0)) == {"a": True}


def test_no_claim_that_begins_after_a_revocation_hands_out_unmarked(broker: SqlBroker) -> None:
    done = threading.Event()
    revoked_at: dict[str, float] = {}
    names = [f"task-{n}" for n in range(240)]

    def publish() -> None:
        for name in names:
            broker.publish([_message(name)])

    def revoke() -> None:
        for n in range(0, len(names), 4):
            broker.revoke(names[n : n + 2], ENOUGH)
            revoked_at.update(dict.fromkeys(names[n : n + 2], time.monotonic()))

    def claim(id: str) -> list[tuple[float, str, bool]]:
        consumer, taken = broker.consumer(["q"], id=id, lease=60.0), list[tuple[float, str, bool]]()
        while True:
            is_last, begins = done.is_set(), time.monotonic()
            deliveries = consumer.fetch(5, 0)
            taken += [(begins, name, mark) for name, mark in _marks(deliveries).items()]
            if is_last and not deliveries:
                return taken

    with ThreadPoolExecutor(4) as pool:
        claims = [pool.submit(claim, f"lane {n}") for n in range(2)]
        for each in [pool.submit(publish), pool.submit(revoke)]:
            each.result(PATIENCE)
        done.set()
        taken = [each for found in claims for each in found.result(PATIENCE)]

    assert sorted(name for _, name, _ in taken) == sorted(names)
    assert [name for begins, name, mark in taken if not mark and begins > revoked_at.get(name, begins)] == []
    assert [name for _, name, mark in taken if mark and name not in revoked_at] == []


@SERVERS
def test_revocations_of_the_same_tasks_at_once_all_succeed(broker: SqlBroker) -> None:
    names = [f"task-{n}" for n in range(600)]
    broker.publish([_message(name) for name in names])

    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(
            lambda some: broker.revoke(some, ENOUGH), [names, names[::-1], names[300:] + names[:300]]
        ):
            assert sorted(found) == sorted(names)

    assert _marked(broker) == 600


# Killed in the middle


def _revoke_and_hang(url: str, names: list[str], moment: str, told: Any) -> None:
    """Revoke in a process of its own, which stands still at that statement."""
    with KernelQ("proj", broker=url, set_as_current=False) as app:
        broker = cast(SqlBroker, app.broker)
        hang: Callable[..., None] = partial(_hang, told)
        if moment == "when all is marked":
            cast(Any, broker._statements).waiting = hang
        else:
            cast(Any, broker.engine).notify = hang
        broker.revoke(names, ENOUGH)


def _hang(told: Any, *_: Any) -> None:
    told.send(None)
    threading.Event().wait()


@pytest.mark.faults
@pytest.mark.parametrize("moment", ["when all is marked", "before the commit"])
def test_a_process_killed_in_the_middle_of_a_revocation_leaves_no_trace_of_it(url: str, moment: str) -> None:
    names = [f"task-{n}" for n in range(2_000)]
    with KernelQ("proj", broker=url, set_as_current=False) as app:
        app.broker.publish([_message(name, eta=time.time() + LATER) for name in names])
    hears, tells = FORK.Pipe(duplex=False)
    revoking = FORK.Process(target=_revoke_and_hang, args=(url, names, moment, tells))
    revoking.start()
    assert hears.poll(PATIENCE)

    revoking.kill()
    revoking.join(PATIENCE)

    with KernelQ("proj", broker=url, set_as_current=False) as app:
        broker = cast(SqlBroker, app.broker)
        broker.publish([_message("other")])
        assert _marked(broker) == 0
        assert [(each.ready, each.delayed) for each in broker.queues()] == [(1, 2_000)]
        assert sorted(broker.revoke(names, ENOUGH)) == sorted(names)
        assert [(each.ready, each.delayed) for each in broker.queues()] == [(2_001, 0)]
