"""The SQL backend, beyond the contract: damage, errors, cleaning up, and the broker's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from kernelq.contracts import BackendError, BackendUnavailable, ImproperlyConfigured, Outcome
from kernelq.errors import BackendGetMetaError
from kernelq_plugins.backend_sql.backend import SqlBackend
from kernelq_plugins.backend_sql.statements import statements_of
from kernelq_plugins.engine_sql.engine import SqlEngine
from sqlalchemy import Connection

NOON = 1_700_000_000.0


class App:
    """As much of an app as drivers see: one engine."""

    def __init__(self, engine: SqlEngine) -> None:
        self.conf = SimpleNamespace()
        self._engine = engine

    def engine(self, url: str) -> SqlEngine:
        assert SqlEngine.canonical(url) == f"sqlite:///{cast(Any, self._engine).address.path}"
        return self._engine


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
    return tmp_path / "results.sqlite3"


@pytest.fixture
def backend(path: Path, clock: Clock) -> Iterator[SqlBackend]:
    url = f"sqlite:///{path}?busy_timeout=0.05"
    backend = SqlBackend(App(SqlEngine(url)), url, now=clock)  # type: ignore[arg-type]  # a stand-in
    yield backend
    backend.close()


def _outcome(id: str, state: str = "SUCCESS", **fields: Any) -> Outcome:
    return Outcome(**{"id": id, "state": state, **fields})


def _damage(path: Path, blob: object) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE kernelq_results SET blob = ?", (blob,))
    connection.close()


@pytest.mark.parametrize("blob", [b"\xc1", b"", "text in place of bytes", 7])
def test_a_damaged_outcome_is_an_error_that_names_its_task(backend: SqlBackend, path: Path, blob: object) -> None:
    backend.apply([_outcome("a")])
    _damage(path, blob)

    with pytest.raises(BackendGetMetaError, match="task 'a' cannot be read") as caught:
        backend.get_many(["a", "b"])

    assert caught.value.task_id == "a"


def test_a_damaged_outcome_can_be_forgotten(backend: SqlBackend, path: Path) -> None:
    backend.apply([_outcome("a")])
    _damage(path, b"\xc1")

    backend.forget(["a"])

    assert backend.get_many(["a"]) == {}


def test_a_watch_of_a_damaged_outcome_says_so(backend: SqlBackend, path: Path) -> None:
    backend.apply([_outcome("a", "STARTED")])

    with backend.watch(["a"]) as watch:
        watch.changes(0)
        _damage(path, b"\xc1")
        with pytest.raises(BackendGetMetaError, match="task 'a'"):
            watch.changes(0)


def test_an_outlived_success_may_be_overwritten_before_it_is_cleaned_up(backend: SqlBackend, clock: Clock) -> None:
    backend.apply([_outcome("a", fence=5, ttl=10.0)])
    clock.time += 10

    backend.apply([_outcome("a", "FAILURE", fence=1)])

    assert backend.get_many(["a"])["a"].state == "FAILURE"


def test_cleaning_up_takes_as_many_transactions_as_it_needs(
    backend: SqlBackend, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernelq_plugins.backend_sql.backend._CLEANED_AT_ONCE", 2)
    backend.apply([_outcome(str(i), ttl=float(i)) for i in range(7)])
    clock.time += 4.5

    assert backend.cleanup() == 5
    assert set(backend.get_many([str(i) for i in range(7)])) == {"5", "6"}


def test_any_number_of_outcomes_is_read_in_one_call(backend: SqlBackend) -> None:
    ids = [str(i) for i in range(1234)]
    backend.apply([_outcome(id) for id in ids])

    for number in (0, 1, 2, 99, 101, 500, 501, 1234):
        assert set(backend.get_many(ids[:number])) == set(ids[:number])


def test_a_watch_of_a_success_reads_it_no_more(backend: SqlBackend, path: Path) -> None:
    backend.apply([_outcome("a")])

    with backend.watch(["a"]) as watch:
        assert watch.changes(0) == [_outcome("a")]
        _damage(path, b"\xc1")
        assert watch.changes(0) == []


def test_a_failure_that_is_replaced_is_told_of_again(backend: SqlBackend) -> None:
    with backend.watch(["a"]) as watch:
        backend.apply([_outcome("a", "FAILURE", fence=1)])
        assert [change.state for change in watch.changes(0)] == ["FAILURE"]

        backend.apply([_outcome("a", "SUCCESS", fence=2)])

        assert [change.state for change in watch.changes(0)] == ["SUCCESS"]


def test_what_is_stored_within_a_transaction_goes_with_it(backend: SqlBackend) -> None:
    engine = cast(SqlEngine, backend.engine)

    def store_and_fail() -> None:
        with engine.begin() as connection:
            backend.apply_within(connection, [_outcome("lost")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store_and_fail()
    with engine.begin() as connection:
        backend.apply_within(connection, [_outcome("kept")])

    assert set(backend.get_many(["lost", "kept"])) == {"kept"}


@pytest.mark.parametrize(
    "act",
    [
        lambda backend: backend.apply([_outcome("a")]),
        lambda backend: backend.forget(["a"]),
        lambda backend: backend.cleanup(),
    ],
)
def test_a_locked_file_is_an_unavailable_backend(
    backend: SqlBackend, path: Path, act: Callable[[SqlBackend], object]
) -> None:
    backend.apply([_outcome("before")])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(BackendUnavailable, match=r"results\.sqlite3 was locked"):
        act(backend)

    assert set(backend.get_many(["before"])) == {"before"}
    other.close()


@pytest.mark.parametrize(
    "act", [lambda backend: backend.get_many(["a"]), lambda backend: backend.watch(["a"]).changes(0)]
)
def test_a_file_that_is_no_database_is_an_unavailable_backend(
    backend: SqlBackend, path: Path, act: Callable[[SqlBackend], object]
) -> None:
    path.write_text("the diary of a sailor " * 100)

    with pytest.raises(BackendUnavailable, match="not a sound SQLite database"):
        act(backend)


def test_a_refused_statement_is_not_called_unavailable(backend: SqlBackend) -> None:
    _drop_table(cast(SqlEngine, backend.engine))

    with pytest.raises(BackendError, match="no such table") as caught:
        backend.get_many(["a"])

    assert not isinstance(caught.value, BackendUnavailable)


def _drop_table(engine: SqlEngine) -> None:
    connection: Connection
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE kernelq_results")


def test_a_dialect_without_statements_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match="no SQL backend for dialect 'oracle'"):
        statements_of("oracle")
