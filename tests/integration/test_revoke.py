"""Revoking, with real workers, on every engine that keeps marks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from kernelq import AsyncResult, KernelQ, QueueOnce, chain, chord, group, uuid
from kernelq.contracts import CapabilityMissing
from kernelq.exceptions import ChordError, TaskRevokedError
from kernelq.testing import start_worker
from kernelq_plugins.commands.command_line import Session
from kernelq_plugins.control.command import control
from waiting import until

PATIENCE = 30.0
"""Seconds a test waits for a result."""

ENGINES = ("memory", "sqlite", "redis", "postgresql", "mysql", "sqlite beside redis")


@pytest.fixture(params=ENGINES)
def app(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[KernelQ]:
    def redis() -> str:
        return f"{request.getfixturevalue('redis_server').url}?prefix={uuid()}"

    match request.param:
        case "memory":
            urls = ("memory://", "memory://")
        case "sqlite":
            urls = (f"sqlite:///{tmp_path}/queue.sqlite3",) * 2
        case "redis":
            urls = (redis(),) * 2
        case "sqlite beside redis":
            urls = (f"sqlite:///{tmp_path}/queue.sqlite3", redis())
        case name:
            server = request.getfixturevalue("postgres_server" if name == "postgresql" else "maria_server")
            urls = (server.fresh(uuid()),) * 2
    broker, backend = urls
    with KernelQ("revoke", broker=broker, backend=backend, set_as_current=False, worker_lease=2.0) as app:
        yield app


@pytest.fixture
def ran(app: KernelQ) -> list[Any]:
    """What the task `note` was called with."""
    seen: list[Any] = []

    @app.task(name="note", typing=False)
    def note(*args: Any) -> Any:
        seen.append(args)
        return args[-1] if args else None

    return seen


def test_a_revoked_task_is_not_run_by_a_worker_that_starts_later(app, ran):
    note = app.tasks["note"]
    revoked, other = note.delay("revoked"), note.delay("other")

    revoked.revoke()

    assert (revoked.state, revoked.ready()) == ("REVOKED", True)
    with start_worker(app, pool="threads"):
        assert other.get(timeout=PATIENCE) == "other"
        until(lambda: not waiting(app), "the revoked message to be ended")
        with pytest.raises(TaskRevokedError, match="revoked"):
            revoked.get(timeout=PATIENCE)
    assert ran == [("other",)]


def test_an_eta_is_not_waited_for(app, ran):
    note = app.tasks["note"]
    with start_worker(app, pool="threads"):
        result = note.apply_async(("late",), countdown=86_400)

        result.revoke()

        until(lambda: not waiting(app), "the revoked message to be ended")
    assert (result.state, ran) == ("REVOKED", [])


def test_a_retry_is_revoked_and_a_run_that_has_begun_is_not(app):
    begun, opened, runs = threading.Event(), threading.Event(), list[int]()

    @app.task(name="again", bind=True, max_retries=None)
    def again(self: Any) -> None:
        runs.append(self.request.retries)
        begun.set()
        assert opened.wait(PATIENCE)
        raise self.retry(countdown=0.2)

    with start_worker(app, pool="threads"):
        result = again.delay()
        assert begun.wait(PATIENCE)

        app.control.revoke([result.id])

        assert result.state != "REVOKED"
        opened.set()
        with pytest.raises(TaskRevokedError):
            result.get(timeout=PATIENCE)
    assert runs == [0]


def test_an_id_is_revoked_before_anybody_has_called_it(app, ran):
    app.control.revoke("chosen")

    with start_worker(app, pool="threads"):
        result = app.tasks["note"].apply_async(("early",), task_id="chosen")

        with pytest.raises(TaskRevokedError):
            result.get(timeout=PATIENCE)
    assert ran == []


def test_a_revoked_member_fails_its_chord_once_and_names_itself(app, ran):
    note = app.tasks["note"]
    told: list[Any] = []

    @app.task(name="told", typing=False)
    def tell(*args: Any) -> None:
        told.append(args)

    flow = chord([note.s(1), note.s(2).set(countdown=86_400), note.s(3)], note.si("body").on_error(tell.s()))
    result = flow.apply_async()

    result.parent[1].revoke()

    with start_worker(app, pool="threads"):
        error = result.get(timeout=PATIENCE, propagate=False)
        assert isinstance(error, ChordError)
        assert result.parent[1].id in str(error)
        until(lambda: told, "the error callback")
        until(lambda: not waiting(app), "nothing to be left")
    assert len(told) == 1
    assert sorted(ran) == [(1,), (3,)]


def test_a_revoked_member_that_is_run_again_is_wanted_again(app, ran):
    note = app.tasks["note"]
    result = chord([note.s(1), note.s(2)], note.s()).apply_async(countdown=86_400)
    result.parent.revoke()

    with start_worker(app, pool="threads"):
        assert isinstance(result.get(timeout=PATIENCE, propagate=False), ChordError)
        until(lambda: not waiting(app), "nothing to be left")

        assert result.retry_failed() == 2

        assert result.get(timeout=PATIENCE) == [1, 2]


def test_the_steps_after_a_revoked_one_get_a_state(app, ran):
    note = app.tasks["note"]
    last = chain(note.s(1), note.si(2), note.si(3), note.si(4)).apply_async()
    second = last.parent.parent

    second.revoke()

    with start_worker(app, pool="threads"):
        until(lambda: last.ready(), "the last step to have a state", patience=PATIENCE)
        assert [each.state for each in (second, last.parent, last)] == ["REVOKED"] * 3
    assert ran == [(1,)]


def test_a_group_is_revoked_together(app, ran):
    result = group(app.tasks["note"].s(i) for i in range(5)).apply_async(countdown=86_400)

    result.revoke()

    with start_worker(app, pool="threads"):
        until(lambda: not waiting(app), "the revoked messages to be ended")
    assert [each.state for each in result] == ["REVOKED"] * 5
    assert ran == []


def test_the_once_key_of_a_revoked_task_is_free(app):
    @app.task(name="work", base=QueueOnce, once={"graceful": False})
    def work() -> str:
        return "done"

    first = work.apply_async(countdown=86_400)
    first.revoke()

    with start_worker(app, pool="threads"):
        until(lambda: not waiting(app), "the revoked message to be ended")
        assert work.delay().get(timeout=PATIENCE) == "done"
    assert first.state == "REVOKED"


def test_an_unknown_task_is_revoked_instead_of_being_parked(app):
    result = app.send_task("nobody.knows")
    result.revoke()

    with start_worker(app, pool="threads"):
        until(lambda: not waiting(app), "the revoked message to be ended")

    assert result.state == "REVOKED"


def test_what_has_ended_stays_as_it_ended(app, ran):
    with start_worker(app, pool="threads"):
        result = app.tasks["note"].delay("done")
        assert result.get(timeout=PATIENCE) == "done"

        result.revoke()

    assert AsyncResult(result.id, app=app).state == "SUCCESS"


def test_handlers_hear_of_it(app, ran):
    from kernelq.signals import task_revoked

    heard: list[Any] = []

    @task_revoked.connect(weak=False)
    def hear(sender: Any, request: Any, terminated: bool, signum: Any, expired: bool, **_: Any) -> None:
        if sender.app is app:
            heard.append((sender.name, request.id, terminated, signum, expired))

    try:
        result = app.tasks["note"].delay()
        result.revoke()
        with start_worker(app, pool="threads"):
            until(lambda: heard, "the signal")
    finally:
        task_revoked.disconnect(hear)
    assert heard == [("note", result.id, False, None, False)]


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_the_command_revokes(app, ran):
    result = app.tasks["note"].delay()

    found = CliRunner().invoke(control, ["revoke", result.id], obj=Session(app))

    assert (found.exit_code, found.output) == (0, "revoked: 1\n"), found.output
    assert result.state == "REVOKED"


def test_rabbitmq_keeps_no_marks_and_says_so(rabbit_server):
    with (
        KernelQ("revoke", broker=rabbit_server.url, backend="memory://", set_as_current=False) as app,
        pytest.raises(CapabilityMissing, match="keeps no marks of revoked tasks; give tasks `expires`"),
    ):
        app.control.revoke("any")


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (lambda control: control.revoke("a", terminate=True), "cannot be terminated from outside"),
        (lambda control: control.terminate("a"), "cannot be terminated from outside"),
        (lambda control: control.revoke("a", destination=["w1"]), "for every worker"),
        (lambda control: control.revoke_by_stamped_headers({"a": 1}), "takes their ids"),
    ],
)
def test_what_is_not_offered_is_refused(order, error):
    with (
        KernelQ("revoke", broker="memory://", set_as_current=False) as app,
        pytest.raises(CapabilityMissing, match=error),
    ):
        order(app.control)


def test_an_id_that_is_none_is_refused_by_name():
    with (
        KernelQ("revoke", broker="memory://", set_as_current=False) as app,
        pytest.raises(TypeError, match="got 7; of a result"),
    ):
        app.control.revoke(["a", 7])


def waiting(app: KernelQ) -> int:
    """How many messages there are, anywhere in the broker."""
    return sum(queue.ready + queue.delayed + queue.running for queue in app.broker.queues())
