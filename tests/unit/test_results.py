"""Results: the caller's handle on a task, and stored failures as exceptions again."""

from __future__ import annotations

import datetime
import pickle
import threading
from typing import Any

import pytest
from kernelq import AsyncResult, KernelQ, allow_join_result
from kernelq.contracts import FAILURE, PENDING, SUCCESS, Outcome
from kernelq.errors import NoBackend, TimeoutError
from kernelq_plugins.results.rebuild import SecurityError, UnknownStoredError, rebuild


def store(app: KernelQ, id: str, state: str, value: Any, **fields: Any) -> AsyncResult[Any]:
    app.backend.apply([Outcome(id=id, state=state, value=app.serializer("json").dumps(value), **fields)])
    return app.AsyncResult(id)


def failed(app: KernelQ, type: Any, arguments: Any = (), module: str | None = "builtins") -> AsyncResult[Any]:
    return store(app, "i1", FAILURE, {"exc_type": type, "exc_module": module, "exc_message": arguments})


# --- looking -------------------------------------------------------------------------------------


def test_a_task_nobody_knows_is_pending_and_does_not_exist(app: KernelQ) -> None:
    result = app.AsyncResult("i1")

    assert (result.state, result.result, result.traceback, result.reason) == (PENDING, None, None, None)
    assert (result.ready(), result.successful(), result.failed(), result.exists()) == (False, False, False, False)
    assert result.date_done is None


def test_a_finished_task_tells_its_value_and_when(app: KernelQ) -> None:
    result = store(app, "i1", SUCCESS, 7, done_at=0.0)

    assert (result.state, result.status, result.result, result.info) == (SUCCESS, SUCCESS, 7, 7)
    assert (result.ready(), result.successful(), result.failed(), result.exists()) == (True, True, False, True)
    assert result.date_done == datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def test_a_failed_task_tells_its_exception_its_traceback_and_the_reason(app: KernelQ) -> None:
    value = {"exc_type": "ValueError", "exc_module": "builtins", "exc_message": ["no"]}
    result = store(app, "i1", FAILURE, value, traceback="Traceback …", reason="rejected")

    assert isinstance(result.result, ValueError)
    assert (result.result.args, result.traceback, result.reason) == (("no",), "Traceback …", "rejected")
    assert (result.ready(), result.successful(), result.failed()) == (True, False, True)


def test_a_final_outcome_is_asked_for_once(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    result = store(app, "i1", SUCCESS, 7)
    assert result.get(timeout=0) == 7

    monkeypatch.setattr(app.backend, "get_many", None)
    monkeypatch.setattr(app.backend, "watch", None)

    assert (result.state, result.get(timeout=0)) == (SUCCESS, 7)


def test_a_forgotten_result_is_gone(app: KernelQ) -> None:
    result = store(app, "i1", SUCCESS, 7)
    assert result.ready()

    result.forget()

    assert result.state == PENDING


def test_a_result_is_its_id(app: KernelQ) -> None:
    result = app.AsyncResult("i1")

    assert result == app.AsyncResult("i1") == "i1"
    assert result != app.AsyncResult("i2")
    assert (str(result), repr(result), hash(result)) == ("i1", "<AsyncResult: i1>", hash("i1"))
    assert pickle.loads(pickle.dumps(result)) == result
    assert result.as_tuple() == (("i1", None), None)
    with pytest.raises(ValueError, match="expected the id of a task, got ''"):
        app.AsyncResult("")


def test_a_result_without_an_app_takes_the_current_one() -> None:
    app = KernelQ("proj", broker="memory://", backend="memory://")
    store(app, "i1", SUCCESS, 7)

    assert AsyncResult("i1").get(timeout=0) == 7


def test_without_a_backend_there_is_nothing_to_look_at() -> None:
    app = KernelQ("proj", broker="memory://", set_as_current=False)
    result = app.task(name="t")(lambda: 1).delay()

    with pytest.raises(NoBackend, match="no result backend is configured"):
        result.get(timeout=0)


# --- waiting -------------------------------------------------------------------------------------


def test_get_gives_up_after_its_timeout_and_names_the_task(app: KernelQ) -> None:
    result = app.task(name="slow")(lambda: 1).apply_async(task_id="i1")

    with pytest.raises(TimeoutError, match=r"task slow\[i1\] was not done within 0.01 s; it goes on"):
        result.get(timeout=0.01)


def test_get_without_a_timeout_waits_as_long_as_it_takes(app: KernelQ) -> None:
    values: list[int] = []
    result = app.AsyncResult("i1")
    waiter = threading.Thread(target=lambda: values.append(result.get()))
    waiter.start()

    store(app, "i1", SUCCESS, 7)
    waiter.join(30)

    assert values == [7]


def test_get_raises_what_the_task_raised_unless_it_is_told_not_to(app: KernelQ) -> None:
    result = failed(app, "KeyError", ["k"])

    with pytest.raises(KeyError, match="k"):
        result.get(timeout=0)
    with pytest.raises(KeyError):
        result.maybe_throw()
    assert isinstance(result.get(timeout=0, propagate=False), KeyError)
    assert isinstance(result.maybe_throw(propagate=False), KeyError)


def test_maybe_throw_does_not_wait(app: KernelQ) -> None:
    assert app.AsyncResult("i1").maybe_throw() is None
    assert store(app, "i2", SUCCESS, 7).maybe_throw() == 7


def test_get_calls_back_with_the_value_and_with_each_state(app: KernelQ) -> None:
    seen: list[Any] = []
    result = store(app, "i1", SUCCESS, 7, children=("i2",))

    result.get(timeout=0, callback=lambda *args: seen.append(args), on_message=seen.append)

    meta, called_back = seen
    assert (meta["task_id"], meta["status"], meta["result"], meta["children"]) == ("i1", SUCCESS, 7, ["i2"])
    assert called_back == ("i1", 7)


def test_waiting_inside_a_task_is_refused_unless_it_is_allowed(app: KernelQ, lane: Any) -> None:
    other = store(app, "i9", SUCCESS, 7)

    @app.task
    def ask(how: str) -> Any:
        if how == "refused":
            return other.get(timeout=0)
        if how == "option":
            return other.get(timeout=0, disable_sync_subtasks=False)
        with allow_join_result():
            return other.get(timeout=0)

    results = {how: ask.delay(how) for how in ("refused", "option", "block")}
    lane.run_all()

    assert "never call result.get() within a task" in str(results["refused"].result)
    assert (results["option"].result, results["block"].result) == (7, 7)


def test_waiting_inside_a_task_called_directly_is_no_danger(app: KernelQ) -> None:
    other = store(app, "i9", SUCCESS, 7)

    assert app.task(name="t")(lambda: other.get(timeout=0))() == 7


# --- stored failures -----------------------------------------------------------------------------


def test_an_exception_of_a_class_that_is_imported_here_is_of_that_class(app: KernelQ) -> None:
    assert type(failed(app, "UnknownStoredError", ["x"], UnknownStoredError.__module__).result) is UnknownStoredError


@pytest.mark.parametrize(("type", "module"), [("Gone", "no.such.module"), ("Outer.<locals>.Gone", __name__)])
def test_an_exception_that_cannot_be_found_here_has_a_stand_in_of_its_name(
    app: KernelQ, type: str, module: str
) -> None:
    error = failed(app, type, ["x"], module).result

    assert isinstance(error, UnknownStoredError)
    assert (error.__class__.__name__, error.args) == (type.rpartition(".")[2], ("x",))


def test_an_exception_that_does_not_take_its_arguments_back_is_described(app: KernelQ) -> None:
    error = failed(app, "UnicodeDecodeError", [1]).result

    assert isinstance(error, UnknownStoredError)
    assert str(error) == "UnicodeDecodeError(1,)"


def test_an_exception_stored_as_itself_is_itself() -> None:
    error = ValueError("pickled")

    assert rebuild(error) is error


def test_one_argument_alone_and_none_are_understood(app: KernelQ) -> None:
    assert failed(app, "ValueError", "no", None).result.args == ("no",)
    assert failed(app, "ValueError", None).result.args == ()


@pytest.mark.parametrize("type", ["print", "int"])
def test_a_stored_class_that_is_no_exception_is_never_called(app: KernelQ, type: str) -> None:
    with pytest.raises(SecurityError, match=rf"expected the stored class builtins.{type} to be an exception"):
        failed(app, type, ["x"]).result  # noqa: B018


@pytest.mark.parametrize("value", ["by hand", {"colour": "blue"}, None])
def test_a_failure_stored_in_another_form_is_kept_as_it_is(app: KernelQ, value: Any) -> None:
    error = store(app, "i1", FAILURE, value).result

    assert isinstance(error, UnknownStoredError)
    assert error.args == (value,)
