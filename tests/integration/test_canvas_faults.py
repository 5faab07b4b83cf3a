"""Workflows end, once, whatever dies on the way."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from kernelq import KernelQ, chain, chord, group, hookimpl, uuid
from kernelq.canvas import store_of, sweep
from kernelq.contracts import Delivery, Executor, Message, Settler, Transition, decode_body
from kernelq.errors import KernelQError
from kernelq.exceptions import ChordError
from kernelq.testing import start_worker
from kernelq.workflows import DONE, WAITING, Drop
from notes import Notes
from waiting import until

PATIENCE = 30.0
"""Seconds a test waits for what must come."""


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    return Notes(tmp_path / "notes")


@pytest.fixture(params=["redis", "sqlite", "sqlite, and workflows on redis", "postgresql"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KernelQ]:
    """An app whose workflows are kept where its messages are, or elsewhere."""
    url, store = f"sqlite:///{tmp_path}/queue.sqlite3", None
    if "redis" in request.param:
        store = f"{request.getfixturevalue('redis_server').url}?prefix={uuid()}"
    if request.param == "redis":
        url, store = str(store), None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").fresh(uuid())
    with KernelQ("faults", broker=url, backend=url, canvas_store=store, worker_lease=2.0, set_as_current=False) as app:
        yield app


class Tasks:
    """Tasks that note down their runs."""

    def __init__(self, app: KernelQ, notes: Notes) -> None:
        def member(value: int) -> int:
            notes.add(f"member {value}")
            return value

        def body(values: list[int]) -> int:
            notes.add("body")
            return sum(values)

        def errback(id: str) -> None:
            notes.add("errback")

        def kill() -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        self.member = app.task(name="member")(member)
        self.body = app.task(name="body")(body)
        self.errback = app.task(name="errback")(errback)
        self.kill = app.task(name="kill")(kill)


@pytest.fixture
def tasks(app: KernelQ, notes: Notes) -> Tasks:
    return Tasks(app, notes)


class Dies:
    """Kills its process once, when a task of this name has run and nothing of that is committed."""

    def __init__(self, name: str, mark: Path) -> None:
        self._name, self._mark = name, mark

    @hookimpl
    def task_postrun(self, task: Any) -> None:
        if task.name == self._name and not self._mark.exists():
            self._mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.faults
@pytest.mark.parametrize("name", ["member", "kernelq.chord", "body"])
def test_a_process_that_dies_before_a_step_is_committed_costs_no_workflow_and_doubles_none(
    app: KernelQ, tasks: Tasks, notes: Notes, tmp_path: Path, name: str
) -> None:
    app.register_plugin(Dies(name, tmp_path / "mark"))

    with start_worker(app, pool="prefork", concurrency=2):
        result = chain(chord([tasks.member.s(1), tasks.member.s(2)], tasks.body.s()), tasks.member.s())()
        assert result.get(timeout=PATIENCE) == 3

    assert (tmp_path / "mark").exists()
    expected = {"member 1", "member 2", "body", "member 3"}
    assert set(notes.lines()) == expected
    assert len(notes.lines()) <= len(expected) + (name != "kernelq.chord")  # who died ran again, nobody else


@pytest.mark.faults
@pytest.mark.parametrize("app", ["sqlite, and workflows on redis"], indirect=True)  # elsewhere there is no between
def test_a_process_that_dies_between_the_last_member_and_what_follows_loses_nothing(
    app: KernelQ, tasks: Tasks, notes: Notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(app)
    assert store is not None
    mark = tmp_path / "mark"
    counted = type(store).apply

    def dying(self: Any, ops: Sequence[Any]) -> Sequence[Message]:
        messages = counted(self, ops)
        if messages and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return messages

    monkeypatch.setattr(type(store), "apply", dying)
    with start_worker(app, pool="prefork", concurrency=1):
        result = chord([tasks.member.s(1), tasks.member.s(2)], tasks.body.s())()
        assert result.get(timeout=PATIENCE) == 3

    assert mark.exists()
    assert notes.lines().count("body") == 1


@pytest.mark.faults
def test_a_member_that_kills_its_process_again_and_again_fails_its_chord_once(
    app: KernelQ, tasks: Tasks, notes: Notes
) -> None:
    body = tasks.body.s().on_error(tasks.errback.s())
    with start_worker(app, pool="prefork", concurrency=1):
        result = chord([tasks.kill.si(), tasks.member.s(1)], body)()
        with pytest.raises(ChordError, match="WorkerLostError"):
            app.AsyncResult(result.id).get(timeout=PATIENCE)
        until(lambda: "errback" in notes.lines(), "the error callback")

    assert sorted(notes.lines()) == ["errback", "member 1"]


def test_a_step_that_was_lost_is_found_and_done_once(app: KernelQ, tasks: Tasks, notes: Notes) -> None:
    result = chord([tasks.member.s(1), tasks.member.s(2)], tasks.body.s())()
    join = result.parent.id
    _run_members(app, 2)
    assert app.broker.purge("default") == 1  # the message of the join
    assert sweep(app, fired=3600.0) == 0

    assert sweep(app, fired=0.0) == 1
    assert sweep(app, fired=0.0) == 1

    with start_worker(app, pool="solo"):
        assert result.get(timeout=PATIENCE) == 3
        until(lambda: _state(app, join) == DONE, "the join to be closed")
    assert notes.lines().count("body") == 1
    assert sweep(app, fired=0.0) == 0


def test_a_chord_whose_members_are_gone_fails_when_its_time_is_over(app: KernelQ, tasks: Tasks, notes: Notes) -> None:
    result = chord([tasks.member.s(1), tasks.member.s(2)], tasks.body.s().on_error(tasks.errback.s()))()
    _run_members(app, 1)
    assert app.broker.purge("default") == 1
    assert sweep(app) == 0
    assert _state(app, result.parent.id) == WAITING
    app.conf.canvas_deadline = 0.0

    assert sweep(app) == 1

    with start_worker(app, pool="solo"):
        with pytest.raises(ChordError, match="1 of 2 tasks of the header have ended"):
            app.AsyncResult(result.id).get(timeout=PATIENCE)
        until(lambda: "errback" in notes.lines(), "the error callback")
    assert "body" not in notes.lines()


def test_a_member_that_ends_twice_counts_once(app: KernelQ, tasks: Tasks, notes: Notes) -> None:
    header = group(tasks.member.s(1), tasks.member.s(2))
    result = chord(header, tasks.body.s())()
    [first, second] = _waiting(app, 2)
    app.broker.publish([first])
    _run_members(app, 1)
    app.broker.publish([first])
    _run_members(app, 1)
    assert _state(app, result.parent.id) == WAITING

    app.broker.publish([second])
    with start_worker(app, pool="solo"):
        assert result.get(timeout=PATIENCE) == 3


def _state(app: KernelQ, join: str) -> str | None:
    store = store_of(app)
    assert store is not None
    found = store.join(join)
    return None if found is None else found.state


def _waiting(app: KernelQ, count: int) -> list[Message]:
    """Take so many messages out of the queue."""
    consumer = app.broker.consumer(["default"], id=uuid(), lease=60.0)
    deliveries = consumer.fetch(count, 5.0)
    messages = [each.message for each in deliveries if isinstance(each.message, Message)]
    assert len(messages) == count
    assert consumer.settle([Transition(delivery=each) for each in deliveries]) == []
    consumer.close()
    return messages


def _run_members(app: KernelQ, count: int) -> None:
    """Run so many messages by hand, in the order they wait."""
    consumer = app.broker.consumer(["default"], id=uuid(), lease=60.0)
    settler = Settler(app, consumer)
    executor = Executor(app, "hand@test", _Lane(settler))
    for delivery in consumer.fetch(count, 5.0):
        transition = executor.run(delivery)
        assert transition is not None
        assert settler.settle([transition]) == []
    consumer.close()


class _Lane:
    """A committer for an executor that is driven by hand."""

    def __init__(self, settler: Settler) -> None:
        self._settler = settler

    def commit(self, transition: Transition) -> bool:
        return self._settler.settle([transition]) == []

    def commit_detached(self, transition: Transition) -> None:
        self._settler.detached(transition.successors, transition.effects)

    def mark_started(self, delivery: Delivery) -> None:
        """Nothing here dies."""


def test_a_chain_whose_later_steps_are_lost_fails_and_says_so(app: KernelQ, tasks: Tasks) -> None:
    result = chain(tasks.member.s(1), *(tasks.member.s() for _ in range(60)))()
    store = store_of(app)
    assert store is not None
    [message] = _waiting(app, 1)
    (page,) = [step["args"][0] for step in decode_body(app, message)[2]["chain"] if step["task"] == "kernelq.page"]
    store.apply([Drop(key=page)])
    app.broker.publish([message])

    with start_worker(app, pool="solo"):
        steps = [result, *result.ancestors()][::-1]
        with pytest.raises(KernelQError, match="the later steps of this workflow .* are no longer in the store"):
            steps[16].get(timeout=PATIENCE)
