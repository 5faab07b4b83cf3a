"""Callbacks on real engines: each called once, whatever dies in between."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernelq import KernelQ, hookimpl, uuid
from kernelq.contracts import Executor, Settler, Transition
from kernelq.testing import start_worker
from notes import Notes

PATIENCE = 20.0
"""Seconds a test waits for what must come."""


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    return Notes(tmp_path / "notes")


@pytest.fixture(params=["redis", "sqlite"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KernelQ]:
    """An app whose broker and backend are one engine."""
    url = f"sqlite:///{tmp_path}/queue.sqlite3"
    if request.param == "redis":
        url = f"{request.getfixturevalue('redis_server').url}?prefix={uuid()}"
    with KernelQ("links", broker=url, backend=url, worker_lease=2.0, set_as_current=False) as app:
        yield app


class DiesOnce:
    """Kills its process when a task has run for the first time, before anything of that is committed."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    @hookimpl
    def task_postrun(self, task: Any) -> None:
        if task.name == "parent" and not self._mark.exists():
            self._mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.faults
def test_a_worker_killed_before_it_could_commit_calls_back_once(app: KernelQ, notes: Notes, tmp_path: Path) -> None:
    @app.task(name="parent")
    def parent() -> int:
        notes.add("parent")
        return 2

    @app.task(name="child")
    def child(value: int, more: int) -> int:
        notes.add(f"child {value} {more}")
        return value * more

    app.register_plugin(DiesOnce(tmp_path / "mark"))

    with start_worker(app, pool="prefork", concurrency=2):
        result = parent.apply_async(link=[child.signature((5,), task_id="one"), child.signature((6,), task_id="two")])
        assert result.get(timeout=PATIENCE) == 2
        assert app.AsyncResult("one").get(timeout=PATIENCE) == 10
        assert app.AsyncResult("two").get(timeout=PATIENCE) == 12

    assert sorted(notes.lines()) == ["child 2 5", "child 2 6", "parent", "parent"]


def test_callbacks_of_a_parent_that_ran_twice_are_one_message_each(app: KernelQ) -> None:
    parent = app.task(name="parent")(lambda: 2)
    child = app.task(name="child")(lambda value: value)
    parent.apply_async(link=[child.s(), child.si(1)])
    consumer = app.broker.consumer(["default"], id="hand", lease=15.0)
    lane = _Lane(Settler(app, consumer))
    (delivery,) = consumer.fetch(1, 5.0)
    executor = Executor(app, "hand@test", lane)

    first = executor.run(delivery)
    assert first is not None
    app.broker.publish(first.successors)  # as by a process that died before it could acknowledge
    lane.settle(executor.run(delivery))

    assert [stats.ready for stats in app.broker.queues()] == [2]
    consumer.close()


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_error_callbacks_are_each_called_once(app: KernelQ, notes: Notes, pool: str) -> None:
    @app.task(name="failing")
    def failing() -> None:
        raise KeyError("boom")

    @app.task(name="inline")
    def inline(request: Any, exc: BaseException, traceback: str) -> None:
        notes.add(f"inline {request.id} {exc!r} {app.AsyncResult(request.id).state}")

    @app.task(name="single")
    def single(task_id: str) -> None:
        notes.add(f"single {task_id}")

    with start_worker(app, pool=pool, concurrency=2):
        failing.apply_async(task_id="id", link_error=[inline.s(), single.s()])
        notes.lines(at_least=2)

    assert sorted(notes.lines()) == ["inline id KeyError('boom') FAILURE", "single id"]


@pytest.mark.faults
def test_a_task_killed_at_its_time_limit_calls_its_error_callbacks(app: KernelQ, notes: Notes) -> None:
    @app.task(name="endless", time_limit=0.5)
    def endless() -> None:
        time.sleep(PATIENCE)

    @app.task(name="inline")
    def inline(request: Any, exc: BaseException, traceback: str) -> None:
        notes.add(f"inline {request.id} {type(exc).__name__}")

    @app.task(name="single")
    def single(task_id: str) -> None:
        notes.add(f"single {task_id}")

    with start_worker(app, pool="prefork", concurrency=1):
        endless.apply_async(task_id="id", link_error=[inline.s(), single.s()])
        notes.lines(at_least=2)

    assert sorted(notes.lines()) == ["inline id TimeLimitExceeded", "single id"]


def test_a_replaced_task_gives_the_replacements_value(app: KernelQ) -> None:
    add = app.task(name="add")(lambda x, y: x + y)

    @app.task(bind=True, name="swap", track_started=True)
    def swap(self: Any, x: int) -> Any:
        return self.replace(add.s(x, x))

    with start_worker(app, pool="threads", concurrency=2):
        assert [swap.delay(number).get(timeout=PATIENCE) for number in range(5)] == [0, 2, 4, 6, 8]


class _Lane:
    """What an executor asks of a lane, settled at once."""

    def __init__(self, settler: Settler) -> None:
        self._settler = settler

    def settle(self, transition: Transition | None) -> None:
        assert transition is not None
        assert not self._settler.settle([transition])

    def commit(self, transition: Transition) -> bool:
        return not self._settler.settle([transition])

    def commit_detached(self, transition: Transition) -> None:
        raise AssertionError("tasks are acknowledged late here")

    def mark_started(self, delivery: Any) -> None:
        """Nothing dies here."""
