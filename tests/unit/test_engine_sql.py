"""The SQL engine: addresses, transactions, errors, table versions, forks and bells."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from kernelq.contracts import BrokerError, BrokerFull, BrokerUnavailable, ImproperlyConfigured
from kernelq.sql import Wakeup
from kernelq_plugins.engine_sql import sqlite
from kernelq_plugins.engine_sql.bell import PollingBell, ring_file
from kernelq_plugins.engine_sql.engine import SqlEngine
from kernelq_plugins.engine_sql.inotify import InotifyBell
from sqlalchemy import Column, Connection, Integer, MetaData, Table, func, insert, select

PATIENCE = 30.0


def _group(version: int = 1, **upgrades: Callable[[Connection], object]) -> tuple[MetaData, Table]:
    steps = {int(name[1:]): step for name, step in upgrades.items()}
    metadata = MetaData(info={"name": "numbers", "version": version, "upgrades": steps})
    return metadata, Table("numbers", metadata, Column("number", Integer, primary_key=True))


METADATA, NUMBERS = _group()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "engine.sqlite3"


@pytest.fixture
def engine(path: Path) -> Iterator[SqlEngine]:
    engine = SqlEngine(f"sqlite:///{path}?busy_timeout=0.05")
    engine.create(METADATA)
    yield engine
    engine.close()


def _add(engine: SqlEngine, number: int) -> None:
    with engine.begin() as connection:
        connection.execute(insert(NUMBERS).values(number=number))


def _numbers(engine: SqlEngine) -> list[int]:
    with engine.read() as connection:
        return list(connection.scalars(select(NUMBERS.c.number).order_by(NUMBERS.c.number)))


def _fail_after(engine: SqlEngine, act: Callable[[Connection], object]) -> None:
    """Do something in a transaction that an exception ends."""

    def act_and_fail() -> None:
        with engine.begin() as connection:
            act(connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        act_and_fail()


# Addresses


def test_every_url_of_one_file_has_one_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    monkeypatch.chdir(tmp_path)

    urls = [
        "sqlite:///q.sqlite3",
        "sqlite:///./q.sqlite3?synchronous=full",
        f"sqlite:///{tmp_path}/link/q.sqlite3?busy_timeout=1",
    ]

    assert {SqlEngine.canonical(url) for url in urls} == {f"sqlite:///{tmp_path.resolve()}/q.sqlite3"}


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("sqlite://", "memory://"),
        ("sqlite:///", "memory://"),
        ("sqlite:///:memory:", "memory://"),
        ("sqlite://file.sqlite3", "sqlite:///file.sqlite3"),
        ("sqlite:///f?busytimeout=1", "busy_timeout, synchronous"),
        ("sqlite:///f?busy_timeout=soon", "seconds"),
        ("sqlite:///f?synchronous=maybe", "normal, full or off"),
        ("oracle://host/name", "sqlite"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_the_way_out(url: str, advice: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=advice):
        SqlEngine.canonical(url)


def test_synchronous_full_is_set_on_every_connection(path: Path) -> None:
    engine = SqlEngine(f"sqlite:///{path}?synchronous=full")

    with engine.begin() as writing, engine.read() as reading:
        found = [each.exec_driver_sql("PRAGMA synchronous").scalar() for each in (writing, reading)]

    assert found == [2, 2]
    engine.close()


def test_writing_without_waiting_for_the_disk_is_told(path: Path) -> None:
    careless, careful = SqlEngine(f"sqlite:///{path}?synchronous=off"), SqlEngine(f"sqlite:///{path}")

    [finding] = careless.examine()

    assert (finding.level, finding.what) == ("warning", f"synchronous is off for {path}")
    assert careful.examine() == []


# Transactions


def test_what_was_committed_is_read_through_another_engine(engine: SqlEngine, path: Path) -> None:
    other = SqlEngine(f"sqlite:///{path}")

    _add(engine, 1)

    assert _numbers(other) == [1]
    other.close()


def test_an_exception_undoes_the_transaction(engine: SqlEngine) -> None:
    _fail_after(engine, lambda connection: connection.execute(insert(NUMBERS).values(number=1)))

    _add(engine, 2)
    assert _numbers(engine) == [2]


def test_a_transaction_inside_a_transaction_is_refused_and_harms_nothing(engine: SqlEngine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(NUMBERS).values(number=1))
        with pytest.raises(RuntimeError, match="in the middle of a transaction"), engine.begin():
            pytest.fail("it was let in")

    assert _numbers(engine) == [1]


def test_a_reader_does_not_wait_for_a_writer(engine: SqlEngine) -> None:
    _add(engine, 1)

    with engine.begin() as connection:
        connection.execute(insert(NUMBERS).values(number=2))
        assert _numbers(engine) == [1]


def test_threads_take_turns_at_writing(path: Path) -> None:
    engine = SqlEngine(f"sqlite:///{path}")
    engine.create(METADATA)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: _add(engine, number), range(200)))

    assert _numbers(engine) == list(range(200))
    engine.close()


def test_a_closed_engine_opens_again_by_itself(engine: SqlEngine) -> None:
    _add(engine, 1)

    engine.close()

    assert _numbers(engine) == [1]


def test_a_removed_file_is_replaced_by_one_with_the_same_tables(
    engine: SqlEngine, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite, "_LOOK_EVERY", 0.0)
    _add(engine, 1)

    for file in path.parent.glob("engine.sqlite3*"):
        file.unlink()

    assert _numbers(engine) == []
    _add(engine, 2)
    assert path.exists()
    assert _numbers(engine) == [2]
    assert str(path) in caplog.text


# Errors


def test_a_file_that_stays_locked_is_unavailable(engine: SqlEngine, path: Path) -> None:
    _add(engine, 1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(BrokerUnavailable, match=r"engine\.sqlite3 was locked .* 0\.05 s"), engine.begin():
        pytest.fail("it was let in")

    other.close()
    _add(engine, 2)
    assert _numbers(engine) == [1, 2]


def test_a_full_disk_is_a_full_broker_and_passes(engine: SqlEngine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE bulk (blob)")
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    fill = "INSERT INTO bulk VALUES (zeroblob(100000))"

    with pytest.raises(BrokerFull, match="free some disk space"), engine.begin() as connection:
        connection.exec_driver_sql(fill)

    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100000")
        connection.exec_driver_sql(fill)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    engine = SqlEngine(f"sqlite:///{tmp_path}/nowhere/q.sqlite3")

    with pytest.raises(BrokerUnavailable, match=r"folder .*/nowhere does not exist"), engine.begin():
        pytest.fail("it was opened")


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    engine = SqlEngine(f"sqlite:///{tmp_path}")

    with pytest.raises(BrokerUnavailable, match="it is a folder"), engine.begin():
        pytest.fail("it was opened")


def test_a_file_that_is_no_database_is_named_and_left_alone(path: Path) -> None:
    path.write_text("the diary of a sailor " * 100)
    engine = SqlEngine(f"sqlite:///{path}")

    with pytest.raises(BrokerUnavailable, match="not a sound SQLite database"), engine.read():
        pytest.fail("it was opened")

    assert path.read_text().startswith("the diary")


def test_a_refused_statement_is_not_called_unavailable(engine: SqlEngine) -> None:
    _add(engine, 1)

    with pytest.raises(BrokerError, match="a statement was refused") as caught:
        _add(engine, 1)

    assert not isinstance(caught.value, BrokerUnavailable | BrokerFull)


def test_an_error_of_the_drivers_own_connection_becomes_ours_too(engine: SqlEngine) -> None:
    with pytest.raises(BrokerError, match="no such table"), engine.read() as connection:
        connection.connection.driver_connection.execute("SELECT * FROM absent")  # type: ignore[union-attr]


def _kinds(error: type[sqlite3.Error]) -> list[type[sqlite3.Error]]:
    return [error, *(kind for child in error.__subclasses__() for kind in _kinds(child))]


@pytest.mark.parametrize("kind", _kinds(sqlite3.Error))
def test_no_error_of_the_library_is_forgotten(engine: SqlEngine, kind: type[sqlite3.Error]) -> None:
    with pytest.raises(BrokerError, match=r"engine\.sqlite3") as caught, engine.begin():
        raise kind("some reason")

    assert isinstance(caught.value.__cause__, kind)


# Table versions


def test_tables_of_a_newer_version_are_refused(engine: SqlEngine, path: Path) -> None:
    newer, _ = _group(version=2)
    first = SqlEngine(f"sqlite:///{path}")
    first.create(newer)
    with first.begin():
        pass
    first.close()

    with pytest.raises(ImproperlyConfigured, match=r"numbers tables .* version 2, expected at most 1"):
        _numbers(engine)


def test_tables_of_an_older_version_are_brought_up_step_by_step(engine: SqlEngine, path: Path) -> None:
    _add(engine, 1)
    engine.close()
    newest, numbers = _group(
        version=3,
        v1=lambda connection: connection.execute(insert(NUMBERS).values(number=10)),
        v2=lambda connection: connection.execute(insert(NUMBERS).values(number=func.last_insert_rowid() + 1)),
    )

    for _ in range(2):
        upgraded = SqlEngine(f"sqlite:///{path}")
        upgraded.create(newest)
        with upgraded.read() as connection:
            assert list(connection.scalars(select(numbers.c.number))) == [1, 10, 11]
        upgraded.close()


def test_a_group_without_a_name_is_made_as_it_is(engine: SqlEngine) -> None:
    metadata = MetaData()
    table = Table("strangers", metadata, Column("id", Integer, primary_key=True))

    engine.create(metadata)

    with engine.read() as connection:
        assert connection.scalar(select(func.count()).select_from(table)) == 0


# Forks


def _in_child(function: Callable[[], object]) -> None:
    child = multiprocessing.get_context("fork").Process(target=function)
    child.start()
    child.join(PATIENCE)
    assert child.exitcode == 0


def test_parent_and_child_both_write_after_a_fork(engine: SqlEngine) -> None:
    _add(engine, 1)

    _in_child(lambda: _add(engine, 2))

    _add(engine, 3)
    assert _numbers(engine) == [1, 2, 3]


def test_a_child_takes_locks_of_its_own(engine: SqlEngine) -> None:
    _add(engine, 1)
    context = multiprocessing.get_context("fork")
    is_inside, may_leave = context.Event(), context.Event()

    def hold_the_lock() -> None:
        with engine.begin():
            is_inside.set()
            assert may_leave.wait(PATIENCE)

    child = context.Process(target=hold_the_lock)
    child.start()
    assert is_inside.wait(PATIENCE)

    with pytest.raises(BrokerUnavailable, match="was locked"):
        _add(engine, 2)

    may_leave.set()
    child.join(PATIENCE)
    assert child.exitcode == 0


def test_a_fork_waits_for_the_transactions_of_other_threads(engine: SqlEngine) -> None:
    is_inside, is_forking = threading.Event(), threading.Event()

    def write() -> None:
        with engine.begin() as connection:
            is_inside.set()
            is_forking.wait(PATIENCE)
            connection.execute(insert(NUMBERS).values(number=1))

    writer = threading.Thread(target=write)
    writer.start()
    assert is_inside.wait(PATIENCE)
    threading.Timer(0.05, is_forking.set).start()

    _in_child(lambda: _add(engine, 2))

    writer.join(PATIENCE)
    assert _numbers(engine) == [1, 2]


def test_inherited_connections_are_neither_closed_nor_used(engine: SqlEngine) -> None:
    with engine.read() as inherited:
        raw = inherited.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)

        engine.forget_connections()

        with engine.read() as fresh:
            assert fresh is not inherited
    del inherited
    assert raw.execute("SELECT 1").fetchone() == (1,)


# Bells


@pytest.fixture(params=[InotifyBell, PollingBell])
def bell(request: pytest.FixtureRequest, engine: SqlEngine, path: Path) -> Iterator[Wakeup]:
    _add(engine, 1)
    bell = request.param(str(path))
    yield bell
    bell.close()


def test_a_bell_hears_a_commit_that_rings(engine: SqlEngine, bell: Wakeup) -> None:
    def publish() -> None:
        with engine.begin() as connection:
            engine.notify(connection, "news")

    timer = threading.Timer(0.05, publish)
    timer.start()

    assert bell.wait(PATIENCE)
    timer.join()
    assert not bell.wait(0)


def test_a_bell_hears_what_rang_before_the_wait(engine: SqlEngine, bell: Wakeup, path: Path) -> None:
    ring_file(str(path))

    assert bell.wait(0)


def test_a_bell_is_silent_without_notice_and_after_a_rollback(engine: SqlEngine, bell: Wakeup) -> None:
    _fail_after(engine, lambda connection: engine.notify(connection, "news"))
    _add(engine, 2)

    assert not bell.wait(0.02)


def test_a_wait_is_ended_from_another_thread(bell: Wakeup) -> None:
    timer = threading.Timer(0.05, bell.ring)
    timer.start()

    assert not bell.wait(PATIENCE)
    timer.join()


def test_a_bell_goes_on_with_a_file_that_took_the_place(bell: Wakeup, path: Path) -> None:
    path.rename(path.with_suffix(".old"))
    path.touch()

    assert bell.wait(PATIENCE)
    ring_file(str(path))
    assert bell.wait(PATIENCE)


def test_a_closed_bell_may_be_rung_and_closed_again(bell: Wakeup) -> None:
    bell.close()

    bell.ring()
    bell.close()


def test_ringing_a_file_that_is_gone_is_allowed(tmp_path: Path) -> None:
    ring_file(str(tmp_path / "gone"))


def test_an_engine_without_inotify_waits_by_looking(
    engine: SqlEngine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: InotifyBell, path: str) -> None:
        self._events = self._ring = -1
        self._closing = threading.RLock()
        raise OSError(24, "too many open files")

    monkeypatch.setattr(InotifyBell, "__init__", refuse)

    bell = engine.listen("news")

    assert isinstance(bell, PollingBell)
