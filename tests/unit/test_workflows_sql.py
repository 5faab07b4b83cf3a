"""The SQL workflow store, beyond the contract: statements, instants, damage, and what is cleaned up."""

from __future__ import annotations

import logging
import socket
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kernelq import KernelQ
from kernelq.contracts import BackendError, BackendUnavailable, ImproperlyConfigured, Message
from kernelq.workflows import DONE, FAILED, FIRED, WAITING, Arrive, Close, Keep, Op, Open, Reopen
from kernelq_plugins.engine_sql.engine import SqlEngine
from kernelq_plugins.workflows_sql import upkeep
from kernelq_plugins.workflows_sql.batch import Batch
from kernelq_plugins.workflows_sql.statements import statements_of
from kernelq_plugins.workflows_sql.store import SqlWorkflowStore
from sqlalchemy.dialects import sqlite

NOON = 1_700_000_000.0


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> float:
        return self.time


class Counted:
    """A dialect's statements, and how often each was asked for."""

    def __init__(self, dialect: str) -> None:
        self._statements = statements_of(dialect)
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(self._statements, name)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workflows.sqlite3"


@pytest.fixture
def store(path: Path, clock: Clock) -> Iterator[SqlWorkflowStore]:
    url = f"sqlite:///{path}?busy_timeout=0.05"
    engine = SqlEngine(url)
    app: Any = SimpleNamespace(engine=lambda url: engine)
    store = SqlWorkflowStore(app, url, now=clock)
    yield store
    store.close()


def _open(join: str, size: int | None = None, **fields: Any) -> Open:
    return Open(join=join, message=Message(id=f"after {join}", task="t", body=b"[]"), size=size, **fields)


def _arrive(join: str, *places: int, failed: bool = False) -> list[Arrive]:
    return [Arrive(join=join, place=place, part=b"part", failed=failed) for place in places]


def _ids(messages: Sequence[Message]) -> list[str]:
    return [message.id for message in messages]


def _ask(path: Path, statement: str, *values: object) -> list[Any]:
    connection = sqlite3.connect(path, isolation_level=None)
    found = connection.execute(statement, values).fetchall()
    connection.close()
    return found


def _calls(store: SqlWorkflowStore, ops: Sequence[Op]) -> list[str]:
    """What a batch asks of the dialect."""
    counted = Counted("sqlite")
    statements: Any = counted
    store._sql.transact(lambda connection: Batch(ops, store.now()).carry_out(statements, connection))
    return counted.calls


def test_any_number_of_arrivals_takes_four_statements(store: SqlWorkflowStore) -> None:
    store.apply([_open("j", 500), _open("k", 500), *_arrive("j", 499), *_arrive("k", 499)])

    calls = _calls(store, [*_arrive("j", *range(300)), *_arrive("k", *range(300))])

    assert calls == ["lock", "taken", "insert", "update"]


def test_arrivals_that_are_all_known_write_nothing(store: SqlWorkflowStore) -> None:
    store.apply([_open("j", 500), *_arrive("j", 0, 1)])

    assert _calls(store, [*_arrive("j", 1, 0, 1), _open("j", 500)]) == ["lock", "taken"]


def test_the_message_of_a_join_is_read_when_it_fires(store: SqlWorkflowStore) -> None:
    store.apply([_open("j", 2), *_arrive("j", 0)])

    assert _calls(store, _arrive("j", 1)) == ["lock", "taken", "messages", "insert", "update"]


def test_closing_what_is_unknown_writes_nothing(store: SqlWorkflowStore) -> None:
    assert _calls(store, [Close(join="never"), Reopen(join="never")]) == ["lock"]


def test_a_join_that_is_cleaned_up_before_it_is_locked_is_begun_again(store: SqlWorkflowStore) -> None:
    class Late(Counted):
        left = 2

        def lock(self, connection: Any, joins: Sequence[str]) -> list[Any]:
            self.left -= 1
            return [] if self.left >= 0 else self._statements.lock(connection, joins)

    late: Any = Late("sqlite")
    ops: list[Op] = [_open("j", 1), *_arrive("j", 0)]

    messages = store._sql.transact(lambda connection: Batch(ops, NOON).carry_out(late, connection))

    assert _ids(messages) == ["after j"]
    assert late.calls.count("begin") == 2


def test_what_is_as_old_as_asked_for_is_not_yet_overdue(store: SqlWorkflowStore, clock: Clock) -> None:
    store.apply([_open("fired", 0), _open("waiting", 1)])
    clock.time += 10

    assert store.overdue(fired=10.0, open=10.0) == []
    assert sorted(_ids(store.overdue(fired=9.5, open=9.5))) == ["after fired", "after waiting"]


def test_the_overdue_come_oldest_first_whether_they_fired_or_waited(store: SqlWorkflowStore, clock: Clock) -> None:
    for name, size in (("b", 0), ("a", 1), ("d", None), ("c", 0)):
        store.apply([_open(name, size)])
        clock.time += 1

    assert _ids(store.overdue(fired=0.0, open=0.0)) == ["after b", "after a", "after d", "after c"]


def test_of_more_than_a_look_gives_the_oldest_are_told_and_only_those_fire(
    store: SqlWorkflowStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "OVERDUE_AT_ONCE", 2)
    for name, size in (("a", 1), ("b", 0), ("c", 1)):
        store.apply([_open(name, size)])
        clock.time += 1

    assert _ids(store.overdue(fired=0.0, open=0.0)) == ["after a", "after b"]

    states = {name: found.state for name in "abc" if (found := store.join(name))}
    assert states == {"a": FIRED, "b": FIRED, "c": WAITING}


def test_the_overdue_are_found_by_an_index(store: SqlWorkflowStore, path: Path) -> None:
    store.apply([_open("j", 0)])
    statement = upkeep.late(FIRED, 1e12).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})

    [plan] = _ask(path, f"EXPLAIN QUERY PLAN {statement}")

    assert "USING INDEX kernelq_joins_late (state=? AND since<?)" in plan[3]


def test_parts_without_a_join_leave_nothing_when_they_are_old(
    store: SqlWorkflowStore, clock: Clock, path: Path
) -> None:
    store.apply(_arrive("j", 0, 1))
    clock.time += 10

    assert store.overdue(fired=5.0, open=5.0) == []

    assert _ask(path, "SELECT * FROM kernelq_joins") == _ask(path, "SELECT * FROM kernelq_parts") == []


def test_a_join_that_is_done_leaves_no_parts(store: SqlWorkflowStore, path: Path) -> None:
    store.apply([_open("j", 2), *_arrive("j", 0, 1), Close(join="j")])

    assert _ask(path, "SELECT * FROM kernelq_parts") == []


def test_an_outlived_join_may_be_opened_before_it_is_cleaned_up(store: SqlWorkflowStore, clock: Clock) -> None:
    store.apply([_open("j", 2), *_arrive("j", 0, failed=True), Close(join="j", state=FAILED, ttl=10.0)])
    clock.time += 10

    assert store.apply([Reopen(join="j"), _open("j", 3), *_arrive("j", 0)]) == []

    assert (found := store.join("j")) is not None
    assert (found.state, found.size, found.arrived, found.failed) == (WAITING, 3, 1, None)


def test_cleaning_up_takes_as_many_transactions_as_it_needs(
    store: SqlWorkflowStore, clock: Clock, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "JOINS_AT_ONCE", 2)
    monkeypatch.setattr(upkeep, "VALUES_AT_ONCE", 2)
    for i in range(7):
        closing = Close(join=str(i), state=(DONE, FAILED)[i % 2], ttl=float(i + 1))
        store.apply([_open(str(i), 2), *_arrive(str(i), 0, 1), closing, Keep(key=str(i), value=b"", ttl=float(i + 1))])
    clock.time += 5.5

    assert store.cleanup() == 10
    assert store.cleanup() == 0

    assert _ask(path, "SELECT DISTINCT join_id FROM kernelq_parts") == [("5",)]
    assert set(store.kept(map(str, range(7)))) == {"5", "6"}  # type: ignore[arg-type]  # any iterable will do


def test_a_damaged_message_is_told_in_the_log_and_the_others_come(
    store: SqlWorkflowStore, clock: Clock, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.apply([_open("bad", 1), _open("good", 1)])
    _ask(path, "UPDATE kernelq_joins SET message = ? WHERE id = 'bad'", b"\xc1")
    clock.time += 1

    with caplog.at_level(logging.ERROR):
        assert _ids(store.apply([*_arrive("bad", 0), *_arrive("good", 0)])) == ["after good"]
        clock.time += 1
        assert _ids(store.overdue(fired=0.0, open=0.0)) == ["after good"]

    assert "the message of join bad cannot be read" in caplog.text


def test_a_locked_file_is_a_store_that_is_away(store: SqlWorkflowStore, path: Path) -> None:
    store.apply([_open("j", 1)])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    for use in (lambda: store.apply(_arrive("j", 0)), store.cleanup, lambda: store.overdue(fired=0.0, open=0.0)):
        with pytest.raises(BackendUnavailable, match="was locked by other writers"):
            use()

    other.close()


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_server_that_is_away_is_a_store_that_is_away_whatever_is_asked_of_it(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"{scheme}://user@127.0.0.1:{taken.getsockname()[1]}/database"
    with KernelQ("proj", broker=url, set_as_current=False) as app:
        store = SqlWorkflowStore(app, url)
        uses: list[Callable[[], object]] = [
            lambda: store.apply([_open("j")]),
            lambda: store.join("j"),
            lambda: store.parts("j", 0, 1),
            lambda: store.kept(["k"]),
            lambda: store.overdue(fired=0.0, open=0.0),
            store.cleanup,
        ]

        for use in uses:
            with pytest.raises(BackendUnavailable, match="127.0.0.1"):
                use()


def test_a_statement_that_is_refused_is_an_error_of_the_store(store: SqlWorkflowStore, path: Path) -> None:
    store.apply([_open("j", 1)])
    _ask(path, "DROP TABLE kernelq_parts")
    _ask(path, "DROP TABLE kernelq_joins")
    _ask(path, "DROP TABLE kernelq_kept")

    for use in (lambda: store.join("j"), lambda: store.parts("j", 0, 1), lambda: store.kept(["k"])):
        with pytest.raises(BackendError, match="no such table"):
            use()


def test_an_unknown_dialect_is_refused_with_those_there_are() -> None:
    with pytest.raises(ImproperlyConfigured, match="'oracle'; expected one of: mysql, postgresql, sqlite"):
        statements_of("oracle")
