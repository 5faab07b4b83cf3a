"""Execution: what becomes of an attempt, whatever its task returns, raises or is."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Generator
from typing import Any

import msgspec
import pytest
from kernelq import Ignore, KernelQ, Reject, Task, hookimpl, registry
from kernelq.contracts import (
    FAILURE,
    PENDING,
    RETRY,
    STARTED,
    SUCCESS,
    Consumer,
    Effect,
    Ending,
    Executor,
    Message,
    Store,
    Verdict,
)
from kernelq.errors import EncodeError


def failing(app: KernelQ, error: BaseException, **options: Any) -> Task[..., Any]:
    """A task that raises `error`."""

    @app.task(name="failing", **options)
    def fail() -> None:
        raise error

    return fail


def counts(app: KernelQ) -> dict[str, int]:
    """How many messages of the default queue are where, without the empty places."""
    (stats,) = [stats for stats in app.broker.queues() if stats.name == "default"]
    found = {name: getattr(stats, name) for name in ("ready", "delayed", "running", "dead")}
    return {name: count for name, count in found.items() if count}


# --- success and failure -------------------------------------------------------------------------


def test_a_returned_value_is_stored_and_the_message_is_gone(app: KernelQ, lane: Any) -> None:
    result = app.task(name="add")(lambda x, y: x + y).delay(2, y=3)

    lane.run()

    assert (result.state, result.get(timeout=0), result.traceback) == (SUCCESS, 5, None)
    assert counts(app) == {}


def test_an_outcome_tells_where_when_and_for_how_long(app: KernelQ, lane: Any) -> None:
    result = app.task(name="t")(lambda: None).apply_async(root_id="r", parent_id="p")
    lane.run()

    outcome = result.outcome

    assert outcome is not None
    assert (outcome.task, outcome.worker, outcome.retries, outcome.ttl) == ("t", "hand@test", 0, 86_400.0)
    assert (outcome.root_id, outcome.parent_id, outcome.group_id) == ("r", "p", None)
    assert result.date_done is not None


def test_results_may_be_kept_for_ever(app: KernelQ, lane_of: Any) -> None:
    app.conf.result_expires = 0
    result = app.task(name="t")(lambda: None).delay()

    lane_of(app).run()

    assert result.outcome is not None
    assert result.outcome.ttl is None


def test_an_exception_is_stored_with_a_traceback_that_begins_at_the_task(app: KernelQ, lane: Any) -> None:
    result = failing(app, ValueError("no")).delay()

    lane.run()

    assert result.state == FAILURE
    with pytest.raises(ValueError, match="no"):
        result.get(timeout=0)
    files = [line.strip() for line in (result.traceback or "").splitlines() if line.strip().startswith("File")]
    assert len(files) == 1
    assert files[0].endswith("in fail")
    assert counts(app) == {}


def test_the_cause_of_an_exception_is_in_its_traceback(app: KernelQ, lane: Any) -> None:
    @app.task
    def fail() -> None:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error

    result = fail.delay()
    lane.run()

    assert "KeyError: 'first'" in (result.traceback or "")


ENDS = [KeyboardInterrupt("stop"), SystemExit(3), GeneratorExit(), asyncio.CancelledError(), BaseException("bare")]


@pytest.mark.parametrize("error", ENDS, ids=lambda error: type(error).__name__)
def test_whatever_a_task_raises_ends_that_task_and_nothing_else(app: KernelQ, lane: Any, error: BaseException) -> None:
    result = failing(app, error).delay()
    other = app.task(name="add")(lambda x, y: x + y).delay(2, 3)

    lane.run_all()

    assert result.state == FAILURE
    assert type(result.result) is type(error)
    assert other.get(timeout=0) == 5


def test_a_task_that_exits_as_programs_do_fails(app: KernelQ, lane: Any) -> None:
    result = app.task(name="leave")(lambda: sys.exit("bye")).delay()

    lane.run()

    assert (result.state, result.result.args) == (FAILURE, ("bye",))


def test_endless_recursion_fails_with_a_traceback_of_bounded_length(app: KernelQ, lane: Any) -> None:
    @app.task
    def deep() -> None:
        deep.run()

    result = deep.delay()
    lane.run()

    assert isinstance(result.result, RecursionError)
    assert 0 < len(result.traceback or "") < 100_000


class Page:
    """What a pool writes down of the task that runs."""

    def __init__(self) -> None:
        self.written: list[Any] = []

    def started(self, delivery: Any, soft: float | None, hard: float | None, *, acked: bool) -> None:
        self.written.append((delivery.message.id, soft, hard, acked))

    def finished(self) -> None:
        self.written.append("finished")


@pytest.mark.parametrize("error", [None, ValueError("no")])
def test_a_pool_is_told_what_runs_with_its_limits_and_when_it_ended(
    app: KernelQ, lane: Any, error: Exception | None
) -> None:
    page = Page()

    @app.task(time_limit=10, acks_late=False)
    def look() -> None:
        page.written.append("runs")
        if error is not None:
            raise error

    look.apply_async(task_id="i1", soft_time_limit=5)
    Executor(app, "hand@test", lane, page).run(lane.take())  # type: ignore[arg-type]  # it settles nothing

    assert page.written == [("i1", 5, 10, True), "runs", "finished"]


# --- what cannot be stored -----------------------------------------------------------------------


@pytest.mark.parametrize("value", [object(), {"a": [lambda: None]}, float("nan")], ids=["object", "nested", "nan"])
def test_a_result_that_cannot_be_serialised_fails_the_task_with_that_reason(
    app: KernelQ, lane: Any, value: Any
) -> None:
    result = app.task(name="t")(lambda: value).delay()

    lane.run()

    assert (result.state, result.reason) == (FAILURE, "unserialisable")
    with pytest.raises(EncodeError, match="the result of t cannot be stored"):
        result.get(timeout=0)


class NoText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class NoRepr(Exception):
    def __repr__(self) -> str:
        raise KeyboardInterrupt


class NoPickle(Exception):
    def __reduce__(self) -> Any:
        raise RuntimeError("no pickle")


@pytest.mark.parametrize(
    "error",
    [
        NoText("a"),
        NoRepr("a"),
        NoPickle("a"),
        ValueError(object(), {"a": {1}}, NoRepr()),
        ValueError("x" * 5_000_000),
        ValueError("\ud800"),
        SyntaxError("bad", ("file", 1, 1, 5)),
    ],
    ids=["str", "repr", "reduce", "arguments", "5 MB", "surrogate", "traceback"],
)
def test_an_exception_of_any_making_fails_its_task(app: KernelQ, lane: Any, error: Exception) -> None:
    result = failing(app, error).delay()

    lane.run()

    assert result.state == FAILURE
    outcome = result.outcome
    assert outcome is not None
    assert type(error).__qualname__ in str(app.serializer("json").loads(outcome.value))
    assert len(outcome.value or b"") + len(outcome.traceback or "") < 200_000
    assert counts(app) == {}


# --- ignore, reject, acknowledge -----------------------------------------------------------------


def test_an_ignored_run_is_acknowledged_without_a_state(app: KernelQ, lane: Any) -> None:
    result = failing(app, Ignore()).delay()

    assert lane.run().verdict is Verdict.ACK
    assert result.state == PENDING
    assert counts(app) == {}


def test_a_rejected_message_is_kept_aside_as_failed(app: KernelQ, lane: Any) -> None:
    result = failing(app, Reject("no room")).delay()

    lane.run()

    assert (result.state, result.reason) == (FAILURE, "rejected")
    (letter,) = app.broker.dead()
    assert (letter.reason, letter.message and letter.message.id) == ("rejected", result.id)


def test_a_message_rejected_for_another_to_take_comes_again(app: KernelQ, lane: Any) -> None:
    runs: list[bool] = []

    @app.task(bind=True)
    def picky(self: Any) -> str:
        runs.append(self.request.delivery_info["redelivered"])
        if len(runs) == 1:
            raise Reject("not me", requeue=True)
        return "taken"

    result = picky.delay()
    lane.run()
    assert result.state == PENDING
    lane.run()

    assert result.get(timeout=0) == "taken"
    assert runs == [False, True]


def test_a_failed_task_is_acknowledged_unless_it_goes_to_the_dead_letters(app: KernelQ, lane: Any) -> None:
    result = failing(app, ValueError("no"), acks_on_failure=False).delay()

    lane.run()

    assert result.state == FAILURE
    (letter,) = app.broker.dead()
    assert letter.reason == "failed"


def test_a_failure_replayed_from_the_dead_letters_may_still_succeed(app: KernelQ, lane: Any) -> None:
    is_fixed: list[bool] = []

    @app.task(acks_on_failure=False)
    def fixable() -> str:
        if not is_fixed:
            raise ValueError("no")
        return "fixed"

    result = fixable.delay()
    lane.run()
    is_fixed.append(True)
    app.broker.dead_retry([letter.ref for letter in app.broker.dead()])
    lane.run()

    assert app.AsyncResult(result.id).get(timeout=0) == "fixed"


@pytest.mark.parametrize("error", [None, ValueError("no"), Reject("no"), Ignore()], ids=repr)
def test_a_task_acknowledged_early_is_gone_from_the_broker_before_it_runs(
    app: KernelQ, lane: Any, error: Exception | None
) -> None:
    seen: list[dict[str, int]] = []

    @app.task(acks_late=False)
    def early() -> int:
        seen.append(counts(app))
        if error is not None:
            raise error
        return 1

    result = early.delay()

    assert lane.run() is None
    assert seen == [{}]
    assert counts(app) == {}
    assert result.state == (SUCCESS if error is None else PENDING if isinstance(error, Ignore) else FAILURE)


def test_the_retry_of_a_task_acknowledged_early_is_published(app: KernelQ, lane: Any) -> None:
    @app.task(bind=True, acks_late=False)
    def flaky(self: Any) -> str:
        if not self.request.retries:
            raise self.retry(countdown=0)
        return "done"

    result = flaky.delay()
    lane.run()
    assert result.state == RETRY
    lane.run()

    assert result.get(timeout=0) == "done"


def test_an_early_acknowledgement_that_is_refused_keeps_the_task_from_running(app: KernelQ, lane: Any) -> None:
    runs: list[int] = []
    app.task(name="early", acks_late=False)(lambda: runs.append(1)).delay()
    delivery = lane.take()
    lane.commit = lambda transition: False

    assert lane.run(delivery) is None

    assert runs == []


def test_a_suspect_is_written_down_before_it_runs(app: KernelQ, lane: Any) -> None:
    marked: list[Any] = []
    app.task(name="t")(lambda: marked.append("run")).delay()
    delivery = msgspec.structs.replace(lane.take(), suspect=True)
    lane.mark_started = marked.append

    lane.run(delivery)

    assert marked == [delivery, "run"]


# --- what is stored when -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "task", "call", "is_ignored"),
    [
        (False, None, None, False),
        (True, None, None, True),
        (True, False, None, False),
        (False, True, None, True),
        (False, True, False, False),
        (True, False, True, True),
    ],
)
def test_a_result_is_ignored_as_the_call_says_else_the_task_else_the_setting(
    app: KernelQ, lane_of: Any, setting: bool, task: bool | None, call: bool | None, is_ignored: bool
) -> None:
    app.conf.update(task_ignore_result=setting, task_track_started=True)
    states: list[str] = []

    @app.task(name="t", ignore_result=task)
    def look() -> None:
        states.append(app.AsyncResult("i1").state)

    look.apply_async(task_id="i1", ignore_result=call)
    lane_of(app).run()

    states.append(app.AsyncResult("i1").state)
    assert states == ([PENDING, PENDING] if is_ignored else [STARTED, SUCCESS])


@pytest.mark.parametrize(("keeps_errors", "state"), [(False, PENDING), (True, FAILURE)])
def test_failures_of_ignored_results_may_be_kept(app: KernelQ, lane: Any, keeps_errors: bool, state: str) -> None:
    result = failing(app, ValueError("no"), ignore_result=True, store_errors_even_if_ignored=keeps_errors).apply_async(
        task_id="i1"
    )

    lane.run()

    assert app.AsyncResult(result.id).state == state


def test_a_caller_who_knows_that_there_is_no_result_does_not_wait(app: KernelQ) -> None:
    assert app.task(name="t", ignore_result=True)(lambda: 1).delay().get(timeout=0) is None
    assert app.task(name="u")(lambda: 1).apply_async(ignore_result=True).get(timeout=0) is None


def test_without_a_backend_nothing_is_stored_and_tasks_run(lane_of: Any) -> None:
    app = KernelQ("proj", broker="memory://", set_as_current=False, task_track_started=True)
    runs: list[int] = []
    app.task(name="t")(lambda: runs.append(1)).delay()

    transition = lane_of(app).run()

    assert (runs, transition.effects) == ([1], ())


# --- the task's own handlers ---------------------------------------------------------------------


class Told(Task[..., Any]):
    """Writes down which of its handlers were called, and what was stored then."""

    seen: list[tuple[str, str]]

    def note(self, handler: str, task_id: str) -> None:
        self.seen.append((handler, self.app.AsyncResult(task_id).state))

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        self.note("before_start", task_id)

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        self.note(f"on_success {retval}", task_id)

    def on_failure(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        self.note(f"on_failure {exc}", task_id)

    def on_retry(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        self.note(f"on_retry {exc}", task_id)

    def after_return(self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        self.note(f"after_return {status}", task_id)


class Recording:
    """A plugin that writes down which task hooks were called."""

    def __init__(self, seen: list[tuple[str, str]]) -> None:
        self.seen = seen

    @hookimpl
    def task_received(self) -> None:
        self.seen.append(("task_received", ""))

    @hookimpl
    def task_prerun(self) -> None:
        self.seen.append(("task_prerun", ""))

    @hookimpl
    def task_postrun(self, retval: Any, state: str) -> None:
        self.seen.append(("task_postrun", state))

    @hookimpl
    def task_success(self, result: Any) -> None:
        self.seen.append(("task_success", str(result)))

    @hookimpl
    def task_failure(self, exception: BaseException) -> None:
        self.seen.append(("task_failure", str(exception)))

    @hookimpl
    def task_retry(self, reason: BaseException) -> None:
        self.seen.append(("task_retry", type(reason).__name__))


def run_told(app: KernelQ, lane: Any, function: Callable[..., Any]) -> list[tuple[str, str]]:
    """Run a task made of `function`, bound; its handlers and the hooks around it, in order."""
    seen: list[tuple[str, str]] = []
    app.register_plugin(Recording(seen))
    app.task(name="told", bind=True, base=Told, seen=seen, track_started=True)(function).delay()
    lane.run()
    return seen


def test_the_order_around_a_success(app: KernelQ, lane: Any) -> None:
    assert run_told(app, lane, lambda self: 7) == [
        ("task_received", ""),
        ("task_prerun", ""),
        ("before_start", STARTED),
        ("on_success 7", SUCCESS),
        ("task_success", "7"),
        ("after_return SUCCESS", SUCCESS),
        ("task_postrun", SUCCESS),
    ]


def test_the_order_around_a_failure(app: KernelQ, lane: Any) -> None:
    def fail(self: Any) -> None:
        raise ValueError("no")

    assert run_told(app, lane, fail) == [
        ("task_received", ""),
        ("task_prerun", ""),
        ("before_start", STARTED),
        ("on_failure no", FAILURE),
        ("task_failure", "no"),
        ("after_return FAILURE", FAILURE),
        ("task_postrun", FAILURE),
    ]


def test_the_order_around_a_retry_which_is_no_return(app: KernelQ, lane: Any) -> None:
    def again(self: Any) -> None:
        raise self.retry(exc=ValueError("busy"))

    assert run_told(app, lane, again) == [
        ("task_received", ""),
        ("task_prerun", ""),
        ("before_start", STARTED),
        ("on_retry busy", RETRY),
        ("task_retry", "Retry"),
        ("task_postrun", RETRY),
    ]


@pytest.mark.parametrize("error", [Ignore(), Reject(requeue=True)])
def test_ignored_and_requeued_runs_are_no_returns_either(app: KernelQ, lane: Any, error: Exception) -> None:
    def leave(self: Any) -> None:
        raise error

    seen = run_told(app, lane, leave)

    assert [name for name, _ in seen] == ["task_received", "task_prerun", "before_start", "task_postrun"]


def test_an_error_before_the_start_is_the_task_s_failure(app: KernelQ, lane: Any) -> None:
    class Unready(Task[..., Any]):
        def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
            raise ValueError("not ready")

    result = app.task(name="t", base=Unready)(lambda: 1).delay()
    lane.run()

    assert str(result.result) == "not ready"


@pytest.mark.parametrize("handler", ["on_success", "after_return"])
def test_an_error_in_a_handler_is_logged_and_the_outcome_stands(
    app: KernelQ, lane: Any, handler: str, caplog: pytest.LogCaptureFixture
) -> None:
    def bad(self: Any, *args: Any) -> None:
        raise ValueError("bad handler")

    result = app.task(name="t", base=type("Bad", (Task,), {handler: bad}))(lambda: 1).delay()
    lane.run()

    assert result.get(timeout=0) == 1
    assert "a handler of task t" in caplog.text
    assert "bad handler" in caplog.text


def test_a_handler_is_not_called_for_an_attempt_that_was_refused(app: KernelQ, lane: Any) -> None:
    told: list[str] = []

    class Watching(Task[..., Any]):
        def on_success(self, *args: Any) -> None:
            told.append("on_success")

    app.task(name="t", base=Watching)(lambda: 1).delay()
    delivery = lane.take()
    lane.commit = lambda transition: False

    lane.run(delivery)

    assert told == []


# --- plugins around a run ------------------------------------------------------------------------

NOTIFY_HOOKS = sorted(
    name
    for name in registry.HOOKS
    if name.startswith("task_") or name in ("app_configured", "app_finalized", "after_task_publish")
)


def raiser(hook: str, told: list[str]) -> Any:
    """A plugin that raises in `hook`."""

    def bad(self: Any) -> None:
        told.append(hook)
        raise ValueError(f"bad {hook}")

    bad.__name__ = hook
    return type(f"Bad_{hook}", (), {hook: hookimpl(bad)})()


@pytest.mark.parametrize("hook", NOTIFY_HOOKS)
def test_a_plugin_that_raises_when_it_is_told_harms_no_task(lane_of: Any, hook: str) -> None:
    told: list[str] = []
    with KernelQ("proj", broker="memory://", backend="memory://", set_as_current=False) as app:
        app.register_plugin(raiser(hook, told), "bad")
        good = app.task(name="good")(lambda: 1).delay()
        bad = failing(app, ValueError("no")).delay()
        again = app.task(name="again", bind=True, max_retries=1)(lambda self: self.retry(countdown=0)).delay()
        late = app.task(name="late")(lambda: 1).apply_async(expires=-1)
        app.send_task("unknown")
        app.tasks["good"].apply_async(serializer="msgpack")  # which is not accepted here
        lane_of(app).run_all()

        assert good.get(timeout=0) == 1
        assert [result.state for result in (bad, again, late)] == [FAILURE, FAILURE, "REVOKED"]
        assert app.plugins.failures == ({"bad": len(told)} if told else {})
        assert told or hook == "task_internal_error"


def test_a_plugin_may_wrap_the_call_of_a_task(app: KernelQ, lane: Any) -> None:
    class Doubling:
        @hookimpl(wrapper=True)
        def call_task(self, task: Any, request: Any) -> Generator[None, Any, Any]:
            request.args = [argument + 1 for argument in request.args]
            return (yield) * 2

    app.register_plugin(Doubling())
    result = app.task(name="add")(lambda x, y: x + y).delay(1, 2)

    lane.run()

    assert result.get(timeout=0) == 10


def test_a_plugin_around_a_call_sees_its_exception(app: KernelQ, lane: Any) -> None:
    class Forgiving:
        @hookimpl(wrapper=True)
        def call_task(self) -> Generator[None, Any, Any]:
            try:
                return (yield)
            except ValueError as error:
                return f"forgiven: {error}"

    app.register_plugin(Forgiving())
    result = failing(app, ValueError("no")).delay()

    lane.run()

    assert result.get(timeout=0) == "forgiven: no"


class Ledger(Store):
    """A store of its own engine that keeps what it was told, and lets one message follow."""

    def __init__(self, follows: Message) -> None:
        self.applied: list[Any] = []
        self.follows = follows

    def apply(self, ops: Any) -> list[Message]:
        self.applied += ops
        return [self.follows]


@pytest.mark.parametrize("acks_late", [True, False])
def test_what_plugins_let_follow_is_published_and_applied(app: KernelQ, lane: Any, acks_late: bool) -> None:
    endings: list[Ending] = []
    next_one = Message(id="next", task="next", body=b'[[],{},{"chain":null}]')
    store = Ledger(msgspec.structs.replace(next_one, id="after the store", task="next"))

    class Following:
        @hookimpl
        def advance(self, ending: Ending) -> Any:
            if ending.message.task != "first":
                return None
            endings.append(ending)
            return [next_one, Effect(store, "release")]

    app.register_plugin(Following())
    runs: list[str] = []
    app.task(name="next", bind=True)(lambda self: runs.append(self.request.id))
    result = app.task(name="first", acks_late=acks_late)(lambda: 7).delay()
    lane.run_all()

    assert runs == ["next", "after the store"]
    assert store.applied == ["release"]
    (ending,) = endings
    assert (ending.state, ending.value, ending.verdict) == (SUCCESS, 7, Verdict.ACK)
    assert (ending.task and ending.task.name, ending.request and ending.request.id) == ("first", result.id)
    assert ending.outcome is not None
    assert ending.outcome.id == result.id


# --- the log -------------------------------------------------------------------------------------


def test_the_log_tells_each_end(app: KernelQ, lane: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kernelq")
    app.task(name="good")(lambda: NoRepr()).apply_async(task_id="i1", ignore_result=True)
    failing(app, ValueError("no")).apply_async(task_id="i2")
    app.task(name="expected", throws=(KeyError,))(lambda: {}["k"]).apply_async(task_id="i3")
    app.task(name="again", bind=True)(lambda self: self.retry(countdown=3)).apply_async(task_id="i4")
    app.task(name="ignored", bind=True)(lambda self: (_ for _ in ()).throw(Ignore("x"))).apply_async(task_id="i5")

    lane.run_all()

    records = {record.getMessage().partition("]")[0] + "]": record for record in caplog.records}
    assert "task good[i1] succeeded in" in caplog.text
    assert "its repr raised KeyboardInterrupt" in caplog.text
    assert records["task failing[i2]"].levelno == logging.ERROR
    assert "ValueError: no" in records["task failing[i2]"].getMessage()
    assert "Traceback" in records["task failing[i2]"].getMessage()
    assert records["task expected[i3]"].levelno == logging.INFO
    assert records["task expected[i3]"].getMessage() == "task expected[i3] raised, as expected: KeyError('k')"
    assert records["task again[i4]"].getMessage() == "task again[i4]: retry in 3s"
    assert records["task ignored[i5]"].getMessage() == "task ignored[i5] ignored: x"


def test_a_consumer_need_not_write_down_beginnings() -> None:
    assert Consumer.mark_started(None, []) is None  # type: ignore[arg-type, func-returns-value]  # a default of the contract
