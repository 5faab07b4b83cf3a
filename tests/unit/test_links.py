"""Links: what is called once a task has returned, or has failed for good."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

import pytest
from kernelq import Ignore, KernelQ, Reject, Task, signature
from kernelq.contracts import FAILURE, SUCCESS, Message, Transition, Verdict
from kernelq.testing import start_worker
from msgspec.structs import replace

PATIENCE = 30.0
"""Seconds."""


@pytest.fixture
def calls() -> list[Any]:
    """What the tasks of a test note down."""
    return []


@pytest.fixture
def note(app: KernelQ, calls: list[Any]) -> Task[..., Any]:
    """Notes the arguments it is called with."""

    @app.task(name="note")
    def note(*args: Any, **kwargs: Any) -> Any:
        calls.append((*args, kwargs) if kwargs else args)
        return args

    return note


@pytest.fixture
def add(app: KernelQ) -> Task[..., Any]:
    return app.task(name="add")(lambda x, y: x + y)


@pytest.fixture
def fail(app: KernelQ) -> Task[..., Any]:
    @app.task(name="fail", acks_on_failure=True)
    def fail() -> None:
        raise KeyError("boom")

    return fail


def successors(transition: Transition | None) -> tuple[Message, ...]:
    assert transition is not None
    return transition.successors


# --- callbacks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_a_callback_gets_the_value_before_its_own_arguments(pool: str, app: KernelQ) -> None:
    done, seen = threading.Event(), []
    add = app.task(name="add")(lambda x, y: x + y)

    @app.task(name="keep")
    def keep(value: int, more: int, *, by: str) -> None:
        seen.append((value, more, by))
        done.set()

    with start_worker(app, pool=pool):
        add.apply_async((2, 2), link=keep.s(9, by="me"))

        assert done.wait(PATIENCE)
    assert seen == [(4, 9, "me")]


def test_an_immutable_callback_gets_its_own_arguments_only(add: Any, note: Any, lane: Any, calls: Any) -> None:
    add.apply_async((2, 2), link=note.si(1))

    lane.run_all()

    assert calls == [(1,)]


def test_several_callbacks_are_each_called(add: Any, note: Any, lane: Any, calls: Any) -> None:
    add.apply_async((2, 2), link=[note.s("a"), note.s("b")])

    lane.run_all()

    assert calls == [(4, "a"), (4, "b")]


def test_callbacks_of_callbacks_are_called(add: Any, note: Any, lane: Any, calls: Any) -> None:
    first = add.s(10)
    first.link(note.s())

    add.apply_async((1, 1), link=first)
    lane.run_all()

    assert calls == [(12,)]


def test_links_of_a_signature_travel_like_those_of_a_call(add: Any, note: Any, lane: Any, calls: Any) -> None:
    sig = add.s(2, 2)
    sig.link(note.s())

    sig.delay()
    lane.run_all()

    assert calls == [(4,)]


def test_a_callback_knows_whom_it_follows(app: KernelQ, add: Any, lane: Any) -> None:
    seen: list[Any] = []

    @app.task(bind=True, name="look")
    def look(self: Any, value: int) -> None:
        seen.append((self.request.parent_id, self.request.root_id))

    add.apply_async((1, 1), task_id="child", root_id="root", link=look.s())
    add.apply_async((1, 1), task_id="top", link=look.s())
    lane.run_all()

    assert seen == [("child", "root"), ("top", "top")]


def test_options_of_a_callback_count(add: Any, note: Any, lane: Any) -> None:
    add.apply_async((1, 1), link=note.signature(queue="mail", priority=7, task_id="mine", countdown=60))

    (message,) = successors(lane.run())

    assert (message.id, message.queue, message.priority) == ("mine", "mail", 7)
    assert message.eta is not None


def test_a_callback_of_a_task_unknown_here_is_sent_by_its_name(app: KernelQ, add: Any, lane: Any) -> None:
    add.apply_async((1, 1), link=signature("far.away", (5,), app=app))

    (message,) = successors(lane.run())

    assert (message.task, json.loads(message.body)[0]) == ("far.away", [2, 5])


def test_callbacks_come_with_the_value_not_after_it(add: Any, note: Any, lane: Any) -> None:
    add.apply_async((1, 1), link=note.s())

    transition = lane.executor.run(lane.take())

    # One value: whoever commits it publishes, stores and acknowledges as one step, or in this order.
    assert [message.task for message in transition.successors] == ["note"]
    assert [effect.op.state for effect in transition.effects] == [SUCCESS]


def test_a_callback_has_the_same_id_whenever_its_parent_runs_again(add: Any, note: Any, lane: Any) -> None:
    add.apply_async((1, 1), link=[note.s(), note.s(2)])
    delivery = lane.take()

    first = successors(lane.executor.run(delivery))
    second = successors(lane.executor.run(delivery))

    assert [message.id for message in first] == [message.id for message in second]
    assert len({message.id for message in first}) == 2


def test_a_parent_that_runs_twice_calls_back_once(app: KernelQ, add: Any, note: Any, lane: Any, calls: Any) -> None:
    add.apply_async((1, 1), link=note.s())
    delivery = lane.take()

    for _ in range(2):
        app.broker.publish(successors(lane.executor.run(delivery)))
    lane.run_all()

    assert calls == [(2,)]


def test_who_waits_for_the_parent_is_who_is_answered(add: Any, note: Any, lane: Any) -> None:
    add.apply_async((1, 1), link=note.s(), reply_to="the-caller")

    (message,) = successors(lane.run())

    assert message.reply_to == "the-caller"


def test_a_retry_calls_nobody_and_the_success_after_it_does(app: KernelQ, note: Any, lane: Any, calls: Any) -> None:
    @app.task(bind=True, name="twice", default_retry_delay=0)
    def twice(self: Any) -> str:
        if self.request.retries == 0:
            raise self.retry()
        return "done"

    twice.apply_async(link=note.s(), link_error=note.s("error"))
    lane.run()
    assert calls == []

    lane.run_all()
    assert calls == [("done",)]


@pytest.mark.parametrize("error", [KeyError("no"), Ignore(), Reject()])
def test_a_task_that_does_not_succeed_calls_no_callback(
    app: KernelQ, note: Any, lane: Any, calls: Any, error: Exception
) -> None:
    @app.task(name="raising")
    def raising() -> None:
        raise error

    raising.apply_async(link=note.s())
    lane.run_all()

    assert calls == []


def test_links_of_a_celery_peers_message_are_called(app: KernelQ, add: Any, note: Any, lane: Any, calls: Any) -> None:
    foreign = {
        "task": "note", "args": [5], "kwargs": {}, "subtask_type": None, "immutable": False, "chord_size": None,
        "options": {"replaced_task_nesting": 1, "origin": "gen1@there", "task_id": "cb", "reply_to": "r"},
    }  # fmt: skip
    body = [[1, 1], {}, {"callbacks": [foreign], "errbacks": None, "chain": None, "chord": None}]
    app.broker.publish([Message(id="1", task="add", body=json.dumps(body).encode())])

    (message,) = successors(lane.run())
    lane.run_all()

    assert (message.id, message.replaced) == ("cb", 1)
    assert calls == [(2, 5)]


def test_a_parent_unknown_to_plugins_of_links_costs_nothing(app: KernelQ, add: Any, lane: Any) -> None:
    body = json.dumps([[1, 1], {}, None]).encode()
    app.broker.publish([Message(id="1", task="add", body=body)])

    assert successors(lane.run()) == ()


# --- error callbacks -----------------------------------------------------------------------------


def test_an_error_callback_of_one_argument_is_a_task_called_with_the_id(app: KernelQ, fail: Any, lane: Any) -> None:
    seen: list[Any] = []

    @app.task(bind=True, name="alarm")
    def alarm(self: Any, task_id: str) -> None:
        seen.append((task_id, self.request.parent_id, self.request.root_id, self.request.is_eager))

    failed = fail.apply_async(link_error=alarm.s())
    lane.run()
    assert seen == []
    lane.run_all()

    assert seen == [(failed.id, failed.id, failed.id, False)]


def test_an_error_callback_of_several_arguments_is_called_where_the_task_failed(
    app: KernelQ, fail: Any, lane: Any
) -> None:
    seen: list[Any] = []

    @app.task(name="alarm")
    def alarm(request: Any, exc: BaseException, traceback: str) -> None:
        seen.append((request.id, request.task, repr(exc), "KeyError: 'boom'" in traceback))
        seen.append(app.AsyncResult(request.id).state)

    failed = fail.apply_async(link_error=alarm.s())
    lane.run()

    assert seen == [(failed.id, "fail", "KeyError('boom')", True), FAILURE]
    assert [stats.ready for stats in app.broker.queues()] == [0]


def test_an_error_callback_called_here_gets_its_own_arguments_too(app: KernelQ, fail: Any, lane: Any) -> None:
    seen: list[Any] = []
    alarm = app.task(name="alarm")(lambda request, exc, traceback, who, *, loud: seen.append((who, loud)))

    fail.apply_async(link_error=alarm.s("ops", loud=True))
    lane.run()

    assert seen == [("ops", True)]


def test_an_error_callback_that_lacks_only_the_id_is_a_task(app: KernelQ, fail: Any, lane: Any) -> None:
    seen: list[Any] = []
    alarm = app.task(name="alarm")(lambda task_id, who: seen.append((task_id, who)))

    failed = fail.apply_async(link_error=[alarm.s("ops"), alarm.s(who="dev"), alarm.si("no id", "qa")])
    lane.run_all()

    assert sorted(seen) == sorted([(failed.id, "ops"), (failed.id, "dev"), ("no id", "qa")])


def test_a_bound_error_callback_is_a_task_however_many_arguments_it_takes(app: KernelQ, fail: Any, lane: Any) -> None:
    seen: list[Any] = []

    @app.task(bind=True, name="alarm")
    def alarm(self: Any, task_id: str, extra: int = 0) -> None:
        seen.append(task_id)

    class Alarm(app.Task):  # type: ignore[name-defined,misc]  # a class that the app holds
        name = "class-alarm"

        def run(self, task_id: str, extra: int = 0) -> None:
            seen.append(task_id)

    failed = fail.apply_async(link_error=[alarm.s(), app.register_task(Alarm).s()])
    lane.run_all()

    assert seen == [failed.id, failed.id]


def test_an_error_callback_unknown_here_is_sent_by_its_name(app: KernelQ, fail: Any, lane: Any) -> None:
    failed = fail.apply_async(link_error=signature("far.alarm", app=app))

    transition = lane.run(lane.take())

    commits = [transition] if transition is not None else lane.commits
    (message,) = successors(commits[-1])
    assert (message.task, json.loads(message.body)[0]) == ("far.alarm", [failed.id])


def test_each_error_callback_is_called_once(app: KernelQ, fail: Any, note: Any, lane: Any, calls: Any) -> None:
    here: list[Any] = []
    inline = app.task(name="inline")(lambda request, exc, traceback: here.append(request.id))
    single = app.task(name="single")(lambda task_id: here.append(task_id))

    failed = fail.apply_async(link_error=[inline.s(), single.s()], link=note.s())
    lane.run_all()

    assert here == [failed.id, failed.id]
    assert calls == []


def test_an_error_callback_is_called_when_the_retries_are_used_up(app: KernelQ, lane: Any) -> None:
    seen: list[Any] = []
    alarm = app.task(name="alarm")(lambda request, exc, traceback: seen.append((request.retries, repr(exc))))

    @app.task(name="never", autoretry_for=(ValueError,), max_retries=2, default_retry_delay=0)
    def never() -> None:
        raise ValueError("no")

    never.apply_async(link_error=alarm.s())
    lane.run_all()

    assert seen == [(2, "ValueError('no')")]


def test_what_an_error_callback_raises_is_logged(
    app: KernelQ, fail: Any, lane: Any, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Any] = []

    @app.task(name="broken")
    def broken(request: Any, exc: Any, traceback: Any) -> None:
        raise RuntimeError("in the alarm")

    alarm = app.task(name="alarm")(lambda request, exc, traceback: seen.append(1))

    with caplog.at_level(logging.ERROR):
        failed = fail.apply_async(link_error=[broken.s(), alarm.s()])
        lane.run()

    assert seen == [1]
    assert f"an error callback of task fail[{failed.id}] failed: broken" in caplog.text
    assert failed.state == FAILURE


def test_an_error_callback_that_cannot_be_sent_keeps_no_failure_from_being_stored(
    app: KernelQ, fail: Any, lane: Any, calls: Any, caplog: pytest.LogCaptureFixture
) -> None:
    plain = app.task(name="plain")(lambda task_id: calls.append(task_id))

    failed = fail.apply_async(link_error=[plain.signature(serializer="no-such"), plain.s()])
    with caplog.at_level(logging.ERROR):
        lane.run_all()

    assert failed.state == FAILURE
    assert calls == [failed.id]


def test_a_rejected_task_calls_its_error_callbacks_unless_it_comes_again(app: KernelQ, lane: Any) -> None:
    seen: list[Any] = []
    alarm = app.task(name="alarm")(lambda request, exc, traceback: seen.append(type(exc)))
    dead = app.task(name="dead")(_raiser(Reject("no")))

    dead.apply_async(link_error=alarm.s())
    lane.run_all()

    assert seen == [Reject]


def test_an_expired_task_calls_nobody(app: KernelQ, fail: Any, note: Any, lane: Any, calls: Any) -> None:
    fail.apply_async(expires=-1, link_error=note.s(), link=note.s())

    lane.run_all()

    assert calls == []


def test_a_task_whose_process_died_too_often_calls_its_error_callbacks(app: KernelQ, fail: Any, lane: Any) -> None:
    seen: list[Any] = []
    alarm = app.task(name="alarm")(lambda request, exc, traceback: seen.append(type(exc).__name__))
    single = app.task(name="single")(lambda task_id: seen.append(task_id))
    failed = fail.apply_async(link_error=[alarm.s(), single.s()])

    delivery = replace(lane.take(), crashes=app.conf.task_max_crashes + 1)
    transition = lane.run(delivery)
    lane.run_all()

    assert transition.verdict is Verdict.DEAD
    assert seen == ["WorkerLostError", failed.id]


def test_a_body_that_cannot_be_read_has_no_error_callbacks(app: KernelQ, fail: Any, lane: Any) -> None:
    app.broker.publish([Message(id="1", task="fail", body=b"{")])

    assert successors(lane.run()) == ()


def _raiser(error: Exception) -> Any:
    def run() -> None:
        raise error

    return run


def test_callbacks_are_the_children_of_their_parent(app: KernelQ, note: Any, lane: Any) -> None:
    add = app.task(name="add")(lambda x, y: x + y)
    result = add.apply_async((1, 1), link=[note.s(), note.s()])

    transition = lane.run()

    assert result.outcome is not None
    [(_, members)] = result.outcome.children  # of several callbacks one group
    assert [member[0][0] for member in members] == [message.id for message in transition.successors]


@pytest.mark.parametrize("options", [{"serializer": "no-such"}, {"no_such_option": 1}])
def test_a_callback_that_cannot_be_made_is_the_tasks_failure(app: KernelQ, note: Any, lane: Any, options: Any) -> None:
    add = app.task(name="add")(lambda x, y: x + y)
    seen: list[Any] = []
    alarm = app.task(name="alarm")(lambda request, exc, traceback: seen.append(type(exc).__name__))

    result = add.apply_async((1, 1), link=note.s().set(**options), link_error=alarm.s())
    lane.run_all()

    assert result.state == FAILURE
    assert len(seen) == 1


def test_a_value_that_no_callback_can_be_given_is_the_tasks_failure(app: KernelQ, note: Any, lane: Any) -> None:
    opaque = app.task(name="opaque", ignore_result=True, store_errors_even_if_ignored=True)(object)

    result = opaque.apply_async(link=note.s())
    lane.run_all()

    assert app.AsyncResult(result.id).state == FAILURE


def test_an_error_callback_is_called_though_the_tasks_own_handler_fails(app: KernelQ, lane: Any) -> None:
    seen: list[Any] = []
    alarm = app.task(name="alarm")(lambda request, exc, traceback: seen.append(repr(exc)))

    class Broken(app.Task):  # type: ignore[name-defined,misc]  # a class that the app holds
        def on_failure(self, *_: Any) -> None:
            raise RuntimeError("in the handler")

    failing = app.task(name="failing", base=Broken)(_raiser(KeyError("boom")))

    failing.apply_async(link_error=alarm.s())
    lane.run_all()

    assert seen == ["KeyError('boom')"]
