"""The SQL drivers keep the contracts on PostgreSQL."""

from __future__ import annotations

import multiprocessing
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, cast

import psycopg
import pytest
from kernelq import KernelQ, uuid
from kernelq.contracts import (
    Broker,
    BrokerError,
    BrokerRefused,
    BrokerUnavailable,
    Delivery,
    Effect,
    ImproperlyConfigured,
    Message,
    Outcome,
    Transition,
)
from kernelq.sql import SqlEngine
from kernelq.testing import BackendSuite, BrokerSuite, LockStoreSuite, WorkflowStoreSuite
from kernelq_plugins.backend_sql.postgresql import _CLEAN
from kernelq_plugins.broker_sql.broker import SqlBroker
from kernelq_plugins.broker_sql.postgresql import _claim
from kernelq_plugins.broker_sql.tables import messages
from kernelq_plugins.engine_sql.engine import SqlEngine as SqlEngineOf
from kernelq_plugins.testkit.workflow_bench import arriving, store_of
from kernelq_plugins.workflows_sql.postgresql import _TAKEN
from servers import PostgresServer
from sessions import OwnSessions
from sqlalchemy import Column, Integer, MetaData, Table, insert
from waiting import until


class OnPostgres:
    """A new database for every test; its commits wait for no disk, for no power is cut here."""

    @pytest.fixture
    def app(self, postgres_server: PostgresServer) -> Iterator[KernelQ]:
        url = postgres_server.fresh(uuid())
        _ask(url, f'ALTER DATABASE "{url.rpartition("/")[2]}" SET synchronous_commit = off')
        with KernelQ("conformance", broker=url, backend=url, set_as_current=False) as app:
            yield app


class TestPostgresBroker(OnPostgres, OwnSessions, BrokerSuite):
    def plant_garbage(self, broker: Broker, queue: str, raw: bytes) -> None:
        assert isinstance(broker, SqlBroker)
        row = {"key": "garbage", "queue": queue, "priority": 0, "published_at": broker.now(), "blob": raw}
        with cast(SqlEngine, broker.engine).begin() as connection:
            connection.execute(insert(messages), row)


class TestPostgresBackend(OnPostgres, BackendSuite):
    pass


class TestPostgresLocks(OnPostgres, LockStoreSuite):
    pass


class TestPostgresWorkflows(OnPostgres, WorkflowStoreSuite):
    pass


# Beyond the contract: many at once, servers that go and come, and where statements look.

PATIENCE = 30.0
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def url(postgres_server: PostgresServer) -> str:
    return postgres_server.fresh(uuid())


@pytest.fixture
def app(url: str) -> Iterator[KernelQ]:
    with _app(url) as app:
        yield app


def _app(url: str) -> KernelQ:
    return KernelQ("proj", broker=url, backend=url, set_as_current=False)


def _messages(number: int, **fields: Any) -> list[Message]:
    return [Message(**{"id": uuid(), "task": "t", "body": b"[]", "queue": "q", **fields}) for _ in range(number)]


def _ids(deliveries: Iterable[Delivery]) -> list[str]:
    return [each.message.id for each in deliveries if isinstance(each.message, Message)]


def _ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)  # type: ignore[call-overload]  # a text, not a literal
        while cursor.nextset():
            pass  # the last statement's rows are wanted
        return cursor.fetchall() if cursor.description else []


def _drain(url: str, name: str, done: Any) -> None:
    """Take and settle until all is done, in a process of its own."""
    with _app(url) as app:
        consumer = app.broker.consumer(["q", "other"], id=name, lease=60.0)
        taken: list[str] = []
        while deliveries := consumer.fetch(50, 0.2):
            taken += _ids(deliveries)
            effects = [(Effect(app.backend, Outcome(id=id, state="SUCCESS")),) for id in _ids(deliveries)]
            transitions = [
                Transition(delivery=each, effects=effect) for each, effect in zip(deliveries, effects, strict=True)
            ]
            assert consumer.settle(transitions) == []
        consumer.close()
        done.put(taken)


def test_eight_processes_share_five_thousand_messages_without_doubles(url: str, app: KernelQ) -> None:
    messages = [*_messages(2500), *_messages(2500, queue="other", priority=5)]
    app.broker.publish(messages)
    done = FORK.Queue()
    workers = [FORK.Process(target=_drain, args=(url, f"lane {i}", done)) for i in range(8)]

    for worker in workers:
        worker.start()
    taken = [id for _ in workers for id in done.get(timeout=60)]
    for worker in workers:
        worker.join(PATIENCE)

    assert sorted(taken) == sorted(message.id for message in messages)
    assert {worker.exitcode for worker in workers} == {0}
    assert app.broker.queues() == []
    assert _ask(url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]


def test_a_lost_consumers_messages_are_taken_back_once_by_many_at_once(url: str, app: KernelQ) -> None:
    app.broker.publish(_messages(200))
    app.broker.consumer(["q"], id="lost", lease=0.05).fetch(200, 0)
    others = [app.broker.consumer(["q"], id=f"lane {i}", lease=60.0) for i in range(6)]

    with ThreadPoolExecutor(len(others)) as pool:
        found = list(pool.map(lambda consumer: consumer.fetch(200, PATIENCE), others[:1]))
        found += list(pool.map(lambda consumer: consumer.fetch(200, 0.2), others[1:]))

    taken = [id for deliveries in found for id in _ids(deliveries)]
    assert len(taken) == len(set(taken)) == 200
    assert {(each.fence, each.suspect) for deliveries in found for each in deliveries} == {(2, True)}


def test_a_late_settlement_and_taking_back_never_both_succeed(url: str, app: KernelQ) -> None:
    broker = app.broker
    for number in range(10):
        broker.publish(_messages(20))
        late = broker.consumer(["q"], id=f"late {number}", lease=0.001)
        heir = broker.consumer(["q"], id=f"heir {number}", lease=60.0)
        transitions = [Transition(delivery=each) for each in late.fetch(20, 0)]
        assert until(partial(broker.renew, [late.id]))  # its lease has ended, and nobody noticed yet

        with ThreadPoolExecutor(2) as pool:
            settling = pool.submit(late.settle, transitions)
            taking = pool.submit(heir.fetch, 20, 0)
            refused, taken = settling.result(PATIENCE), taking.result(PATIENCE)

        taken += heir.fetch(20, 0)
        assert sorted(_ids(taken)) == sorted(_ids(each.delivery for each in refused))
        heir.settle([Transition(delivery=each) for each in taken])


def test_batches_of_the_same_keys_in_any_order_are_accepted_once(app: KernelQ) -> None:
    batch = _messages(300)

    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            list(pool.map(app.broker.publish, [batch, batch[::-1], batch[150:] + batch[:150], batch]))

    assert app.broker.queues()[0].ready == 300


def test_a_transaction_the_server_undid_for_another_is_done_again(app: KernelQ) -> None:
    engine = cast(SqlEngine, app.broker.engine)
    app.broker.publish(_messages(2))
    both_hold_one = threading.Barrier(2)
    tries: list[int] = []

    def lock(first: int, second: int) -> None:
        def work(connection: Any) -> None:
            tries.append(first)
            _lock_nth(connection, first)
            if tries.count(first) == 1:
                both_hold_one.wait(PATIENCE)
            _lock_nth(connection, second)

        engine.transact(work)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lock, [0, 1], [1, 0]))

    assert len(tries) == 3


def _lock_nth(connection: Any, place: int) -> None:
    connection.exec_driver_sql(f"SELECT 1 FROM kernelq_messages WHERE seq = {place + 1} FOR UPDATE")


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_clock_of_a_worker_that_is_off_ends_no_lease_early(
    url: str, app: KernelQ, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.broker.publish(_messages(1))
    holder = app.broker.consumer(["q"], id="holder", lease=60.0)
    held = holder.fetch(1, 0)
    true = time.time

    monkeypatch.setattr(time, "time", lambda: true() + 60 * minutes)
    with _app(url) as skewed:
        other = skewed.broker.consumer(["q"], id="other", lease=60.0)
        assert other.fetch(1, 0) == []
        skewed.broker.publish(_messages(1))
        assert len(other.fetch(1, 0)) == 1
        [finding] = skewed.broker.examine()
        assert _seconds_in(finding.what) == pytest.approx(60 * abs(minutes), abs=5)  # a busy machine reads it late
        monkeypatch.setattr(time, "time", true)
        assert app.broker.renew(["holder", "other"]) == []

    assert holder.settle([Transition(delivery=held[0])]) == []


def _seconds_in(said: str) -> float:
    found = re.search(r"is ([\d.]+) s", said)
    assert found, said
    return float(found[1])


def test_connections_the_server_ended_are_replaced_unnoticed(url: str, app: KernelQ) -> None:
    consumer = app.broker.consumer(["q"], id="lane", lease=60.0)
    app.broker.publish(_messages(1))
    deliveries = consumer.fetch(1, 0)

    _end_connections(url)

    app.broker.publish(_messages(1))
    assert consumer.settle([Transition(delivery=deliveries[0])]) == []
    assert len(consumer.fetch(1, 0)) == 1


def test_a_connection_ended_in_a_transaction_undoes_it_and_is_replaced(url: str, app: KernelQ) -> None:
    engine = cast(SqlEngine, app.broker.engine)
    app.broker.publish(_messages(1))

    def delete_and_lose(connection: Any) -> None:
        connection.exec_driver_sql("DELETE FROM kernelq_messages")
        _end_connections(url)
        connection.exec_driver_sql("SELECT 1")

    with pytest.raises(BrokerUnavailable, match=r"PostgreSQL at 127\.0\.0\.1:\d+/"):
        engine.transact(delete_and_lose)

    assert app.broker.queues()[0].ready == 1


def _end_connections(url: str, condition: str = "true") -> None:
    _ask(
        url,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        f"WHERE datname = current_database() AND pid != pg_backend_pid() AND {condition}",
    )


def test_after_a_restart_of_the_server_everything_goes_on(app: KernelQ, postgres_server: PostgresServer) -> None:
    consumer = app.broker.consumer(["q"], id="lane", lease=60.0)
    app.broker.publish(_messages(2))
    deliveries = consumer.fetch(1, 0)
    assert consumer.fetch(1, 0.05)
    assert consumer.fetch(1, 0.05) == []

    postgres_server.stop()
    with pytest.raises(BrokerUnavailable, match=f"127.0.0.1:{postgres_server.port}"):
        app.broker.publish(_messages(1))
    postgres_server.start()

    assert consumer.settle([Transition(delivery=deliveries[0])]) == []
    app.broker.publish(_messages(1))
    assert len(consumer.fetch(1, PATIENCE)) == 1


def test_a_frozen_server_is_noticed_and_used_again_when_it_goes_on(url: str, postgres_server: PostgresServer) -> None:
    with _app(f"{url}?timeout=2") as app:
        app.broker.publish(_messages(1))

        with _frozen(postgres_server), pytest.raises(BrokerUnavailable, match="no answer in"):
            app.broker.publish(_messages(1))

        assert until(lambda: _is_published(app))


@contextmanager
def _frozen(server: PostgresServer) -> Iterator[None]:
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


def _is_published(app: KernelQ) -> bool:
    try:
        app.broker.publish(_messages(1))
    except BrokerUnavailable:
        return False
    return True


_LISTENING = "query LIKE 'LISTEN%'"


def test_one_connection_of_a_process_listens_for_all(url: str, app: KernelQ) -> None:
    consumers = [app.broker.consumer(["q"], id=f"lane {i}", lease=60.0) for i in range(4)]
    watches = [app.backend.watch([str(i)]) for i in range(4)]

    count = f"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {_LISTENING}"

    def ask_all() -> bool:
        for consumer in consumers:
            assert consumer.fetch(1, 0.02) == []
        for watch in watches:
            assert watch.changes(0.02) == []
        return _ask(url, count) != [(0,)]

    until(ask_all, "somebody to listen")
    ask_all()

    assert _ask(url, count) == [(1,)]


def test_while_nobody_listens_a_waiting_consumer_looks_and_later_is_woken_again(url: str, app: KernelQ) -> None:
    count = f"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {_LISTENING}"
    consumer = app.broker.consumer(["q"], id="lane", lease=60.0)
    assert until(lambda: consumer.fetch(1, 0.05) == [] and _ask(url, count) == [(1,)])

    _end_connections(url, _LISTENING)
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(consumer.fetch, 1, PATIENCE)
        app.broker.publish(_messages(1))
        assert len(found.result(PATIENCE)) == 1

        assert until(lambda: _ask(url, count) == [(1,)])
        found = pool.submit(consumer.fetch, 1, PATIENCE)
        app.broker.publish(_messages(1))
        assert len(found.result(PATIENCE)) == 1


def test_a_claim_reads_the_head_of_its_index_however_much_waits(url: str, app: KernelQ) -> None:
    app.broker.publish(_messages(1))
    _ask(
        url,
        "INSERT INTO kernelq_messages (key, queue, priority, due_at, published_at, holder, blob) SELECT 'k' || n, 'q', n % 10, "
        "CASE WHEN n % 3 = 1 THEN 4e9 ELSE 0 END, 0, CASE WHEN n % 3 = 2 THEN 'somebody' END, '' "
        "FROM generate_series(1, 150000) AS n",
    )
    statement = _claim(2, 100).replace("%s", "{}")

    lines = _ask(url, "EXPLAIN (ANALYZE, BUFFERS) " + statement.format("'me'", 60, 4.1e9, "'[]'", "'q'", "'r'", "'me'"))

    plan = "\n".join(line for (line,) in lines)
    assert "using kernelq_ready on kernelq_messages" in plan
    assert "Seq Scan on kernelq_messages" not in plan
    assert "rows=100 " in plan
    assert not re.search(r"Sort .*\n.*rows=\d{4,}", plan)


def test_processes_that_start_at_once_make_the_tables_once(url: str) -> None:
    apps = [_app(url) for _ in range(6)]

    with ThreadPoolExecutor(len(apps)) as pool:
        list(pool.map(lambda app: app.broker.publish(_messages(1)), apps))

    assert apps[0].broker.queues()[0].ready == 6
    for app in apps:
        app.close()


def test_tables_of_a_newer_kernelq_are_refused(url: str, app: KernelQ) -> None:
    app.broker.publish(_messages(1))
    _ask(url, "UPDATE kernelq_meta SET version = 99")

    with _app(url) as other, pytest.raises(ImproperlyConfigured, match="version 99, expected at most 1"):
        other.broker.publish(_messages(1))


def test_tables_of_an_older_kernelq_are_upgraded_once(url: str) -> None:
    def numbers(version: int, column: str) -> MetaData:
        steps = {1: lambda connection: connection.exec_driver_sql("ALTER TABLE numbers RENAME one TO two")}
        metadata = MetaData(info={"name": "numbers", "version": version, "upgrades": steps})
        Table("numbers", metadata, Column(column, Integer, primary_key=True))
        return metadata

    def use(version: int, column: str) -> None:
        with closing(SqlEngineOf(url)) as engine:
            engine.create(numbers(version, column))
            with engine.begin() as connection:
                connection.exec_driver_sql(f"INSERT INTO numbers ({column}) SELECT count(*) FROM numbers")

    use(1, "one")
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda i: _retried(lambda: use(2, "two")), range(3)))

    assert _ask(url, "SELECT version FROM kernelq_meta") == [(2,)]


def _retried(work: Callable[[], None]) -> None:
    """Until it does not collide with another of the same number."""
    assert until(lambda: _works(work))


def _works(work: Callable[[], None]) -> bool:
    try:
        work()
    except BrokerError:
        return False
    return True


def test_settings_that_risk_messages_are_told(url: str, app: KernelQ) -> None:
    assert app.broker.examine() == []
    _ask(url, f'ALTER DATABASE "{url.rpartition("/")[2]}" SET synchronous_commit = off')

    with _app(url) as later:
        [finding] = later.broker.examine()

    assert (finding.level, finding.what) == ("warning", "synchronous_commit is off")


@pytest.mark.parametrize(
    ("user", "database", "said"),
    [("stranger", "postgres", 'role "stranger" does not exist'), ("postgres", "nowhere", '"nowhere" does not exist')],
)
def test_a_server_that_refuses_us_is_not_waited_for(
    postgres_server: PostgresServer, user: str, database: str, said: str
) -> None:
    url = f"postgresql://{user}:hush@127.0.0.1:{postgres_server.port}/{database}"

    with _app(url) as app, pytest.raises(BrokerRefused, match=said) as caught:
        app.broker.publish(_messages(1))

    assert f"127.0.0.1:{postgres_server.port}" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_user_who_may_not_make_tables_is_told_what_to_grant(url: str) -> None:
    role = f"poor{uuid()}".replace("-", "")
    _ask(url, f"CREATE ROLE {role} LOGIN")

    with (
        _app(url.replace("postgres@", f"{role}@")) as app,
        pytest.raises(BrokerRefused, match="GRANT CREATE ON SCHEMA"),
    ):
        app.broker.publish(_messages(1))


def test_outlived_results_are_cleaned_by_their_index(url: str, app: KernelQ) -> None:
    app.backend.apply([Outcome(id=str(i), state="SUCCESS", ttl=-1.0) for i in range(50)])
    app.backend.apply([Outcome(id="kept", state="SUCCESS")])

    assert app.backend.cleanup() == 50
    assert list(app.backend.get_many(["kept", "1"])) == ["kept"]
    plan = _ask(url, "SET enable_seqscan = off; EXPLAIN " + _CLEAN.replace("%s", "1e9").format(limit=10))
    assert "kernelq_expiring" in str(plan)


def test_members_find_their_places_by_the_index_however_many_are_taken(url: str) -> None:
    with _app(url) as app:
        store_of(app).apply(arriving("j", 0))
    _ask(url, "INSERT INTO kernelq_parts SELECT 'j', n, 0, '' FROM generate_series(1, 50000) AS n")

    values = ("ARRAY['j', 'j', 'j']", "ARRAY[7, 8, 60000]")
    plan = str(_ask(url, "EXPLAIN " + _TAKEN.replace("%s", "{}").format(*values)))

    assert "kernelq_parts_pkey" in plan
    assert "Seq Scan" not in plan


def test_dropped_tables_are_made_again(url: str, app: KernelQ) -> None:
    app.broker.publish(_messages(1))
    _ask(url, "DROP TABLE kernelq_messages, kernelq_consumers, kernelq_dead, kernelq_meta")

    app.broker.publish(_messages(1))

    assert app.broker.queues()[0].ready == 1


def test_what_a_claim_leased_whose_answer_was_lost_comes_back(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = cast(Any, app.broker.engine)
    consumer = app.broker.consumer(["q"], id="lane", lease=60.0)
    app.broker.publish(_messages(3))
    [known] = consumer.fetch(1, 0)
    commit = engine.commit

    def commit_and_lose(raw: Any, channels: set[str]) -> None:
        commit(raw, channels)
        raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(engine, "commit", commit_and_lose)
    with pytest.raises(BrokerUnavailable):
        consumer.fetch(10, 0)
    monkeypatch.setattr(engine, "commit", commit)
    consumer.discard()
    heir = app.broker.consumer(["q"], id="lane", lease=60.0)

    assert heir.held([known]) == [known]
    assert [(each.fence, each.suspect) for each in heir.fetch(10, 0)] == [(2, False)] * 2
    assert heir.settle([Transition(delivery=known)]) == []
