"""Eager mode: tasks that run where they are called."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import OrderedDict
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest
from kernelq import Ignore, KernelQ, Reject, Retry, Task, hookimpl, signature
from kernelq.contracts import FAILURE, PENDING, SUCCESS
from kernelq.errors import ContentDisallowed, EncodeError, MaxRetriesExceededError, NotRegistered
from kernelq.exceptions import AlwaysEagerIgnored

NOWHERE = "redis://127.0.0.1:1/0"
"""Nobody listens there: whatever touches it fails."""


@pytest.fixture
def app() -> Iterator[KernelQ]:
    """An app that could not reach its broker, nor its backend, if it tried."""
    with KernelQ("proj", broker=NOWHERE, backend=NOWHERE, task_publish_retry=False, set_as_current=False) as app:
        yield app


@pytest.fixture
def eager(app: KernelQ) -> KernelQ:
    """The app with `task_always_eager`."""
    app.conf.task_always_eager = True
    return app


@pytest.fixture
def add(app: KernelQ) -> Task[..., Any]:
    return app.task(name="add")(lambda x, y: x + y)


@pytest.fixture
def fail(app: KernelQ) -> Task[..., Any]:
    @app.task(name="fail")
    def fail() -> None:
        raise KeyError("boom")

    return fail


# --- calling -------------------------------------------------------------------------------------


def test_apply_runs_the_task_here(add: Any) -> None:
    result = add.apply((2,), {"y": 3})

    assert (result.state, result.get(), result.result, result.ready()) == (SUCCESS, 5, 5, True)


def test_delay_and_apply_async_run_here_while_the_setting_is_on(app: KernelQ, add: Any) -> None:
    app.conf.task_always_eager = True
    assert add.delay(2, 3).get() == 5
    assert add.apply_async((2, 3), task_id="mine", countdown=3600, expires=-1).id == "mine"
    assert add.s(2).delay(3).get() == 5
    assert add.s(2).apply((3,)).get() == 5

    app.conf.task_always_eager = False
    with pytest.raises(Exception, match="Connection refused|connect"):
        add.delay(2, 3)


def test_options_about_publishing_are_taken_and_mean_nothing(eager: KernelQ, add: Any) -> None:
    options = {"retry": True, "retry_policy": {"max_retries": 1}, "eta": "2099-01-01T00:00:00+00:00", "queue": "q"}

    assert add.apply_async((1, 1), **options).get() == 2


def test_what_is_wrong_with_a_call_is_told_by_the_call(eager: KernelQ, add: Any) -> None:
    with pytest.raises(TypeError):
        add.delay(1)
    with pytest.raises(TypeError, match="unknown option nonsense"):
        add.apply((1, 2), nonsense=1)
    with pytest.raises(EncodeError, match=r"\[0\]\[0\]"):
        add.delay(object(), 1)
    with pytest.raises(ContentDisallowed):
        add.apply_async((1, 2), serializer="pickle")


def test_arguments_change_as_on_the_way_to_a_worker(eager: KernelQ) -> None:
    seen: list[Any] = []
    keep = eager.task(name="keep")(lambda value: seen.append(value))
    given = OrderedDict({1: [2]})

    keep.delay(given)

    assert (seen, type(seen[0])) == ([{"1": [2]}], dict)
    assert seen[0]["1"] is not given[1]


def test_a_result_changes_as_on_the_way_from_a_worker(app: KernelQ) -> None:
    make = app.task(name="make")(lambda: OrderedDict({1: 2}))
    opaque = app.task(name="opaque")(object)
    unseen = app.task(name="unseen", ignore_result=True)(lambda: OrderedDict({1: 2}))

    assert (make.apply().get(), type(make.apply().get())) == ({"1": 2}, dict)
    assert unseen.apply().get() == {1: 2}
    result = opaque.apply()
    assert (result.state, type(result.result)) == (FAILURE, EncodeError)


def test_send_task_goes_to_the_broker_with_a_warning() -> None:
    with KernelQ("proj", broker="memory://", task_always_eager=True, set_as_current=False) as app:
        add = app.task(name="add")(lambda x, y: x + y)
        add.delay(1, 2)

        with pytest.warns(AlwaysEagerIgnored, match="no effect on app.send_task, so add goes to the broker") as caught:
            app.send_task("add", (1, 2))

        assert caught[0].filename == __file__
        assert [stats.ready for stats in app.broker.queues()] == [1]
        app.conf.task_always_eager = False
        app.send_task("add", (1, 2))  # a warning would be an error


# --- the run -------------------------------------------------------------------------------------


def test_the_request_says_that_it_is_eager(app: KernelQ) -> None:
    seen: list[Any] = []

    @app.task(bind=True, name="look")
    def look(self: Any) -> None:
        request = self.request
        seen.append((request.is_eager, request.called_directly, request.delivery_info["is_eager"], request.id))
        seen.append((request.retries, request.headers, request.loglevel, request.logfile, request.timelimit))
        seen.append((request.hostname is not None, request.root_id, request.parent_id))

    look.apply(task_id="id", retries=2, headers={"h": 1}, loglevel="INFO", logfile="-", time_limit=9, soft_time_limit=5)

    assert seen[0] == (True, False, True, "id")
    assert seen[1] == (2, {"h": 1}, "INFO", "-", [9, 5])
    assert seen[2] == (True, "id", None)


def test_plugins_see_in_every_hook_that_a_run_is_eager(app: KernelQ, add: Any) -> None:
    told: list[Any] = []

    class Listener:
        @hookimpl
        def task_prerun(self, request: Any) -> None:
            told.append(("prerun", request.is_eager))

        @hookimpl
        def task_success(self, request: Any, result: Any) -> None:
            told.append(("success", request.is_eager, result))

        @hookimpl
        def task_postrun(self, request: Any, state: str) -> None:
            told.append(("postrun", request.is_eager, state))

    app.register_plugin(Listener())

    add.apply((1, 2))

    assert told == [("prerun", True), ("success", True, 3), ("postrun", True, SUCCESS)]


def test_handlers_run_as_in_a_worker(app: KernelQ) -> None:
    told: list[str] = []

    class Telling(app.Task):  # type: ignore[name-defined,misc]  # a class that the app holds
        def before_start(self, *_: Any) -> None:
            told.append("before")

        def on_success(self, *_: Any) -> None:
            told.append("success")

        def on_failure(self, *_: Any) -> None:
            told.append("failure")

        def on_retry(self, *_: Any) -> None:
            told.append("retry")

        def after_return(self, state: str, *_: Any) -> None:
            told.append(f"return {state}")

    @app.task(bind=True, name="once", base=Telling, max_retries=1)
    def once(self: Any, succeeds: bool) -> None:
        if not succeeds:
            raise self.retry(exc=KeyError("no"))

    once.apply((True,))
    assert told == ["before", "success", "return SUCCESS"]

    told.clear()
    once.apply((False,))
    assert told == ["before", "retry", "before", "failure", "return FAILURE"]


def test_nested_calls_know_their_parent_and_root(eager: KernelQ) -> None:
    seen: list[Any] = []

    @eager.task(bind=True, name="inner")
    def inner(self: Any) -> None:
        seen.append((self.request.id, self.request.parent_id, self.request.root_id))

    @eager.task(bind=True, name="middle")
    def middle(self: Any) -> None:
        inner.apply_async(task_id="inner")
        seen.append((self.request.id, self.request.parent_id, self.request.root_id))
        seen.append([child.id for child in self.request.children])

    outer = eager.task(name="outer")(lambda: middle.apply_async(task_id="middle").id)

    outer.apply(task_id="outer")

    assert seen == [("inner", "middle", "outer"), ("middle", "outer", "outer"), ["inner"]]


def test_waiting_for_a_result_inside_a_task_is_refused_as_in_a_worker(eager: KernelQ, add: Any) -> None:
    waiting = eager.task(name="waiting")(lambda: add.delay(1, 2).get())

    result = waiting.delay()

    assert (result.state, type(result.result)) == (FAILURE, RuntimeError)
    assert add.delay(1, 2).get() == 3


def test_a_coroutine_runs_to_its_end(app: KernelQ) -> None:
    @app.task(bind=True, name="fetch")
    async def fetch(self: Any, x: int) -> Any:
        await asyncio.sleep(0)
        return [x, self.request.is_eager]

    assert fetch.apply((1,)).get() == [1, True]
    assert fetch.apply((2,)).get() == [2, True]


def test_a_coroutine_may_be_called_from_within_a_loop(eager: KernelQ) -> None:
    @eager.task(name="fetch")
    async def fetch(x: int) -> int:
        await asyncio.sleep(0)
        return x

    async def main() -> Any:
        return fetch.delay(1).get()

    assert asyncio.run(main()) == 1


# --- failing -------------------------------------------------------------------------------------


def test_a_failure_is_a_result(fail: Any) -> None:
    result = fail.apply()

    assert (result.state, result.successful(), result.failed()) == (FAILURE, False, True)
    assert result.traceback.splitlines()[1].endswith("in fail")
    assert "KeyError: 'boom'" in result.traceback
    with pytest.raises(KeyError, match="boom"):
        result.get()
    assert repr(result.get(propagate=False)) == "KeyError('boom')"


def test_a_failure_is_raised_to_the_caller_who_asks_for_it(app: KernelQ, fail: Any) -> None:
    with pytest.raises(KeyError, match="boom"):
        fail.apply(throw=True)

    app.conf.task_eager_propagates = True
    with pytest.raises(KeyError, match="boom"):
        fail.apply()
    assert fail.apply(throw=False).state == FAILURE

    app.conf.task_always_eager = True
    with pytest.raises(KeyError, match="boom"):
        fail.delay()


def test_the_exception_raised_is_the_very_one_with_its_traceback(app: KernelQ) -> None:
    error = KeyError("boom")

    @app.task(name="t")
    def raising() -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        raising.apply(throw=True)

    assert caught.value is error
    assert caught.traceback[-1].name == "raising"


@pytest.mark.parametrize(("error", "state"), [(Ignore(), "IGNORED"), (Reject("x"), FAILURE), (SystemExit(1), FAILURE)])
def test_what_a_task_raises_to_end_itself_counts(app: KernelQ, error: BaseException, state: str) -> None:
    @app.task(name="t")
    def raising() -> None:
        raise error

    assert raising.apply().state == state


def test_ctrl_c_ends_the_program_and_not_the_task(app: KernelQ, add: Any) -> None:
    @app.task(name="t")
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted.apply()

    assert add.apply((1, 2)).get() == 3
    assert interrupted.request.id is None


def test_an_error_in_before_start_is_the_tasks_failure(app: KernelQ) -> None:
    class Broken(app.Task):  # type: ignore[name-defined,misc]  # a class that the app holds
        def before_start(self, *_: Any) -> None:
            raise ValueError("not today")

    assert app.task(name="t", base=Broken)(lambda: 1).apply().state == FAILURE


def test_five_hundred_failing_calls_leave_nothing_behind(fail: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "kernelq.worker")  # what is logged is kept by pytest
    for _ in range(3):
        fail.apply()
    gc.collect()
    before = len(gc.get_objects())

    for _ in range(500):
        fail.apply()

    gc.collect()
    assert len(gc.get_objects()) - before < 100
    frames = [each for each in gc.get_objects() if isinstance(each, FrameType)]
    assert [each for each in frames if (each.f_code.co_name, each.f_code.co_filename) == ("fail", __file__)] == []


# --- retries -------------------------------------------------------------------------------------


def test_a_retry_runs_at_once(app: KernelQ) -> None:
    seen: list[Any] = []

    @app.task(bind=True, name="t", default_retry_delay=3600)
    def thrice(self: Any, x: int) -> str:
        seen.append((self.request.retries, self.request.id, x))
        if self.request.retries < 2:
            raise self.retry((x + 1,), countdown=3600)
        return "done"

    result = thrice.apply((1,), task_id="id")

    assert result.get() == "done"
    assert seen == [(0, "id", 1), (1, "id", 2), (2, "id", 3)]


def test_retries_come_to_an_end(app: KernelQ) -> None:
    runs: list[int] = []

    @app.task(bind=True, name="t", max_retries=3)
    def never(self: Any) -> None:
        runs.append(self.request.retries)
        raise self.retry()

    result = never.apply()

    assert runs == [0, 1, 2, 3]
    assert type(result.result) is MaxRetriesExceededError


def test_errors_retried_by_themselves_are_retried_here(app: KernelQ) -> None:
    runs: list[int] = []

    @app.task(name="t", autoretry_for=(OSError,), retry_backoff=True, max_retries=2)
    def flaky() -> None:
        runs.append(1)
        raise OSError("away")

    result = flaky.apply()

    assert (len(runs), repr(result.result)) == (3, "OSError('away')")
    with pytest.raises(OSError, match="away"):
        flaky.apply(throw=True)


def test_what_a_retry_passes_on_must_be_serialisable(app: KernelQ) -> None:
    @app.task(bind=True, name="t")
    def retrying(self: Any, x: Any) -> None:
        raise self.retry((object(),))

    assert type(retrying.apply((1,)).result) is EncodeError


def test_a_retry_that_does_not_throw_hands_over_what_would_run(app: KernelQ) -> None:
    @app.task(bind=True, name="t")
    def going_on(self: Any) -> str:
        assert isinstance(self.retry(throw=False), Retry)
        return "went on"

    assert going_on.apply().get() == "went on"


# --- links and replacing -------------------------------------------------------------------------


def test_callbacks_run_before_the_call_returns(eager: KernelQ, add: Any) -> None:
    seen: list[Any] = []

    @eager.task(bind=True, name="keep")
    def keep(self: Any, *args: Any) -> None:
        seen.append((args, self.request.parent_id, self.request.root_id, self.request.is_eager))

    add.apply_async((2, 2), task_id="id", link=[keep.s(1), keep.si(2)])
    add.apply((2, 2), task_id="other", link=keep.s())

    assert seen == [((4, 1), "id", "id", True), ((2,), "id", "id", True), ((4,), "other", "other", True)]


def test_error_callbacks_run_before_the_call_returns(app: KernelQ, fail: Any) -> None:
    seen: list[Any] = []
    alarm = app.task(name="alarm")(lambda request, exc, traceback: seen.append((request.id, repr(exc))))
    single = app.task(name="single")(lambda task_id: seen.append(task_id))

    fail.apply(task_id="id", link_error=[alarm.s(), single.s()])
    with pytest.raises(KeyError, match="boom"):
        fail.apply(task_id="two", link_error=single.s(), throw=True)

    assert seen == [("id", "KeyError('boom')"), "id", "two"]


def test_a_callbacks_failure_is_raised_to_who_asks_for_it(app: KernelQ, add: Any) -> None:
    @app.task(name="bad")
    def bad(value: int) -> None:
        raise ValueError(value)

    assert add.apply((2, 2), link=bad.s()).get() == 4
    with pytest.raises(ValueError, match="4"):
        add.apply((2, 2), link=bad.s(), throw=True)


def test_a_callback_unknown_here_is_named(app: KernelQ, add: Any, caplog: pytest.LogCaptureFixture) -> None:
    link = signature("far.away", app=app)

    with caplog.at_level(logging.ERROR):
        assert add.apply((2, 2), link=link).get() == 4

    assert "no task 'far.away' is registered here" in caplog.text
    with pytest.raises(NotRegistered, match="far.away"):
        add.apply((2, 2), link=link, throw=True)


def test_replace_gives_the_replacements_value(app: KernelQ, add: Any) -> None:
    seen: list[Any] = []
    keep = app.task(name="keep")(seen.append)

    @app.task(bind=True, name="swap")
    def swap(self: Any) -> Any:
        return self.replace(add.s(2, 2))

    result = swap.apply(link=keep.s(), task_id="id")

    assert (result.get(), result.id) == (4, "id")
    assert seen == [4]


# --- storing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("early", [False, True])
def test_results_are_stored_only_if_asked_to(early: bool) -> None:
    with KernelQ("proj", broker=NOWHERE, backend="memory://", set_as_current=False) as app:
        add = app.task(name="add", track_started=True, acks_late=not early)(lambda x, y: x + y)

        add.apply((1, 2), task_id="one")
        assert app.AsyncResult("one").state == PENDING

        app.conf.task_store_eager_result = True
        add.apply((1, 2), task_id="two")
        assert app.AsyncResult("two").get(timeout=0) == 3

        add.store_eager_result = False
        add.apply((1, 2), task_id="three")
        assert app.AsyncResult("three").state == PENDING


def test_without_a_backend_a_value_stays_as_it_is() -> None:
    with KernelQ("proj", broker=NOWHERE, set_as_current=False) as app:
        value = object()

        assert app.task(name="t")(lambda: value).apply().get() is value


@pytest.mark.parametrize("handler", ["on_success", "after_return"])
def test_what_a_handler_raises_after_the_end_is_raised_to_the_caller(app: KernelQ, handler: str) -> None:
    told: list[str] = []

    class Listener:
        @hookimpl
        def task_postrun(self, state: str) -> None:
            told.append(state)

    def broken(self: Any, *_: Any) -> None:
        raise RuntimeError("in the handler")

    app.register_plugin(Listener())
    task = app.task(name="t", base=type("Broken", (app.Task,), {handler: broken}))(lambda: 1)

    with pytest.raises(RuntimeError, match="in the handler"):
        task.apply()
    assert told == [SUCCESS]


def test_a_backend_that_sends_results_is_not_asked_where_to() -> None:
    with KernelQ(
        "proj", broker="amqp://127.0.0.1:1//", backend="rpc://", task_always_eager=True, set_as_current=False
    ) as app:
        keep = app.task(name="keep")(lambda value: value)

        assert keep.apply_async((1,), link=keep.s()).get() == 1
