"""The SQL drivers keep the contracts on MariaDB."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pymysql
import pytest
from kernelq import KernelQ, uuid
from kernelq.contracts import Broker, BrokerError, BrokerRefused, BrokerUnavailable, Delivery, Message, Transition
from kernelq.sql import SqlEngine
from kernelq.testing import BackendSuite, BrokerSuite, LockStoreSuite, WorkflowStoreSuite
from kernelq_plugins.broker_sql.broker import SqlBroker
from kernelq_plugins.broker_sql.mysql import _HEAD
from kernelq_plugins.broker_sql.tables import messages
from kernelq_plugins.testkit.workflow_bench import arriving, store_of
from kernelq_plugins.workflows_sql.mysql import _TAKEN
from servers import MariaServer
from sessions import OwnSessions
from sqlalchemy import insert


class OnMaria:
    """A new database for every test; its commits wait for no disk, for no power is cut here."""

    @pytest.fixture
    def app(self, maria_server: MariaServer) -> Iterator[KernelQ]:
        url = maria_server.fresh(uuid())
        with KernelQ("conformance", broker=url, backend=url, set_as_current=False) as app:
            _ask(app, "SET GLOBAL innodb_flush_log_at_trx_commit = 0")
            yield app
            _ask(app, "SET GLOBAL innodb_flush_log_at_trx_commit = 1")


class TestMariaBroker(OnMaria, OwnSessions, BrokerSuite):
    def plant_garbage(self, broker: Broker, queue: str, raw: bytes) -> None:
        assert isinstance(broker, SqlBroker)
        row = {"key": "garbage", "queue": queue, "priority": 0, "published_at": broker.now(), "blob": raw}
        with cast(SqlEngine, broker.engine).begin() as connection:
            connection.execute(insert(messages), row)


class TestMariaBackend(OnMaria, BackendSuite):
    pass


class TestMariaLocks(OnMaria, LockStoreSuite):
    pass


class TestMariaWorkflows(OnMaria, WorkflowStoreSuite):
    pass


# Beyond the contract: many at once, servers that go and come, and where statements look.

PATIENCE = 30.0
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def url(maria_server: MariaServer) -> str:
    return maria_server.fresh(uuid())


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


def _ask(app: KernelQ, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with cast(SqlEngine, app.broker.engine).read() as connection:
        found = connection.exec_driver_sql(statement, values)
        return [tuple(row) for row in found] if found.returns_rows else []


def _drain(url: str, name: str, done: Any) -> None:
    """Take and settle until all is done, in a process of its own."""
    with _app(url) as app:
        consumer = app.broker.consumer(["q", "other"], id=name, lease=60.0)
        taken: list[str] = []
        while deliveries := consumer.fetch(50, 0.3):
            taken += _ids(deliveries)
            assert consumer.settle([Transition(delivery=each) for each in deliveries]) == []
        consumer.close()
        done.put(taken)


def test_four_processes_share_two_thousand_messages_without_doubles(url: str, app: KernelQ) -> None:
    given = [*_messages(1000), *_messages(1000, queue="other", priority=5)]
    app.broker.publish(given)
    done = FORK.Queue()
    workers = [FORK.Process(target=_drain, args=(url, f"lane {i}", done)) for i in range(4)]

    for worker in workers:
        worker.start()
    taken = [id for _ in workers for id in done.get(timeout=60)]
    for worker in workers:
        worker.join(PATIENCE)

    assert sorted(taken) == sorted(message.id for message in given)
    assert app.broker.queues() == []


def test_batches_of_the_same_keys_in_any_order_are_accepted_once(app: KernelQ) -> None:
    batch = _messages(100)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(app.broker.publish, [batch, batch[::-1], batch[50:] + batch[:50]]))

    assert app.broker.queues()[0].ready == 100


def test_ids_are_told_apart_by_case_and_a_too_long_one_is_refused(app: KernelQ) -> None:
    app.broker.publish([Message(id=id, task="t", body=b"[]", queue="q") for id in ("a", "A", "ä")])

    assert app.broker.queues()[0].ready == 3
    with pytest.raises(BrokerError, match="Data too long for column 'key'"):
        app.broker.publish([Message(id="x" * 300, task="t", body=b"[]", queue="q")])


def test_connections_the_server_ended_are_replaced_unnoticed(app: KernelQ) -> None:
    consumer = app.broker.consumer(["q"], id="lane", lease=60.0)
    app.broker.publish(_messages(1))
    deliveries = consumer.fetch(1, 0)

    _end_connections(app)

    assert consumer.settle([Transition(delivery=deliveries[0])]) == []
    app.broker.publish(_messages(1))
    assert len(consumer.fetch(1, 0)) == 1


def _end_connections(app: KernelQ) -> None:
    with _app(app.broker_url) as other:
        found = _ask(
            other, "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id != CONNECTION_ID()"
        )
        for (number,) in found:
            _ask(other, f"KILL {number}")


def test_after_a_restart_of_the_server_everything_goes_on(app: KernelQ, maria_server: MariaServer) -> None:
    consumer = app.broker.consumer(["q"], id="lane", lease=60.0)
    app.broker.publish(_messages(1))
    deliveries = consumer.fetch(1, 0)

    maria_server.stop()
    with pytest.raises(BrokerUnavailable, match=f"127.0.0.1:{maria_server.port}"):
        app.broker.publish(_messages(1))
    maria_server.start()

    assert consumer.settle([Transition(delivery=deliveries[0])]) == []
    app.broker.publish(_messages(1))
    assert len(consumer.fetch(1, PATIENCE)) == 1


def test_a_frozen_server_is_noticed_and_used_again_when_it_goes_on(url: str, maria_server: MariaServer) -> None:
    with _app(f"{url}?timeout=2") as app:
        app.broker.publish(_messages(1))

        maria_server.freeze()
        try:
            with pytest.raises(BrokerUnavailable, match="timed out"):
                app.broker.publish(_messages(1))
        finally:
            maria_server.thaw()

        app.broker.publish(_messages(1))


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
        assert skewed.broker.consumer(["q"], id="other", lease=60.0).fetch(1, 0) == []
        monkeypatch.setattr(time, "time", true)
        assert app.broker.renew(["holder", "other"]) == []

    assert holder.settle([Transition(delivery=held[0])]) == []


def test_a_claim_reads_a_range_of_its_index_however_much_waits(app: KernelQ) -> None:
    app.broker.publish(_messages(1))
    with cast(SqlEngine, app.broker.engine).begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO kernelq_messages (`key`, queue, priority, due_at, published_at, holder, `blob`) SELECT CONCAT('k', seq), 'q', "
            "seq MOD 10, IF(seq MOD 3 = 1, 4e9, 0), 0, IF(seq MOD 3 = 2, 'somebody', NULL), '' FROM seq_1_to_30000"
        )

    plan = _ask(app, "EXPLAIN " + _HEAD, "q", 100)
    with cast(SqlEngine, app.broker.engine).begin() as connection:
        connection.exec_driver_sql("FLUSH STATUS")
        assert len(connection.exec_driver_sql(_HEAD, ("q", 100)).all()) == 100
        read = dict(connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'").all())

    assert "kernelq_ready_range" in str(plan)
    assert "filesort" not in str(plan)
    assert sum(int(number) for number in read.values()) < 300


def test_members_find_their_places_by_the_index_however_many_are_taken(app: KernelQ) -> None:
    store_of(app).apply(arriving("j", 0))
    with cast(SqlEngine, app.broker.engine).begin() as connection:
        connection.exec_driver_sql("INSERT INTO kernelq_parts SELECT 'j', seq, 0, '' FROM seq_1_to_30000")

    with cast(SqlEngine, app.broker.engine).begin() as connection:
        connection.exec_driver_sql("FLUSH STATUS")
        assert len(connection.exec_driver_sql(_TAKEN, ("j", [7, 8, 60000])).all()) == 2
        read = dict(connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'").all())

    assert sum(int(number) for number in read.values()) < 10


def test_settings_that_risk_messages_are_told(app: KernelQ) -> None:
    assert app.broker.examine() == []

    _ask(app, "SET GLOBAL innodb_flush_log_at_trx_commit = 2")
    try:
        [finding] = app.broker.examine()
    finally:
        _ask(app, "SET GLOBAL innodb_flush_log_at_trx_commit = 1")

    assert (finding.level, finding.what) == ("warning", "innodb_flush_log_at_trx_commit is 2")


def test_it_does_not_claim_to_push(app: KernelQ) -> None:
    assert not app.broker.capabilities.push


def test_a_server_that_refuses_us_is_not_waited_for(maria_server: MariaServer) -> None:
    url = f"mysql://stranger:hush@127.0.0.1:{maria_server.port}/kernelq"

    with _app(url) as app, pytest.raises(BrokerRefused, match="Access denied") as caught:
        app.broker.publish(_messages(1))

    assert f"127.0.0.1:{maria_server.port}" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_processes_that_start_at_once_make_the_tables_once(url: str) -> None:
    apps = [_app(url) for _ in range(4)]

    with ThreadPoolExecutor(len(apps)) as pool:
        list(pool.map(lambda app: app.broker.publish(_messages(1)), apps))

    assert apps[0].broker.queues()[0].ready == 4
    for app in apps:
        app.close()


def test_dropped_tables_are_made_again(app: KernelQ) -> None:
    app.broker.publish(_messages(1))
    _ask(app, "DROP TABLE kernelq_messages, kernelq_consumers, kernelq_dead, kernelq_meta")

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
        raise pymysql.OperationalError(2013, "Lost connection")

    monkeypatch.setattr(engine, "commit", commit_and_lose)
    with pytest.raises(BrokerUnavailable):
        consumer.fetch(10, 0)
    monkeypatch.setattr(engine, "commit", commit)
    consumer.discard()
    heir = app.broker.consumer(["q"], id="lane", lease=60.0)

    assert heir.held([known]) == [known]
    assert [(each.fence, each.suspect) for each in heir.fetch(10, 0)] == [(2, False)] * 2
    assert heir.settle([Transition(delivery=known)]) == []
