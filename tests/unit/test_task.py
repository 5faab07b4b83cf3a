"""Tasks: their attributes, calling them here, the checks of a call, retries, and states of their own."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from kernelq import Ignore, KernelQ, Reject, Retry, Task
from kernelq.contracts import FAILURE, RETRY, SUCCESS, Message, Transition, Verdict
from kernelq.errors import MaxRetriesExceededError

NOON = 1_700_000_000.0


# --- attributes ----------------------------------------------------------------------------------


def test_options_of_the_decorator_become_attributes(app: KernelQ) -> None:
    task = app.task(name="t", max_retries=7, colour="blue")(lambda: None)

    assert (task.max_retries, task.colour) == (7, "blue")


def test_a_task_keeps_what_its_function_says_of_itself(app: KernelQ) -> None:
    @app.task
    def add(x: int, y: int) -> int:
        """Add."""
        return x + y

    assert (add.__doc__, add.__module__, add.__wrapped__.__name__) == ("Add.", __name__, "add")
    assert repr(add) == f"<@task: {add.name} of proj>"


def test_an_attribute_that_is_none_takes_the_setting(app: KernelQ) -> None:
    app.conf.update(task_acks_late=False, task_default_priority=4, task_default_queue="mail")
    task = app.task(name="t")(lambda: None)

    assert [task.option(name) for name in ("acks_late", "priority", "queue")] == [False, 4, "mail"]


def test_an_attribute_wins_over_the_setting_also_when_it_is_set_late(app: KernelQ) -> None:
    task = app.task(name="t", acks_late=True)(lambda: None)
    app.conf.task_acks_late = False
    assert task.option("acks_late") is True

    task.acks_late = False

    assert task.option("acks_late") is False


def test_limits_are_the_call_s_else_the_task_s_else_the_settings(app: KernelQ) -> None:
    app.conf.update(task_time_limit=100, task_soft_time_limit=90)
    plain, own = app.task(name="plain")(lambda: None), app.task(name="own", time_limit=10)(lambda: None)
    request = functools.partial(Message, id="i", body=b"")

    def limits(task: Any, timelimit: Any) -> Any:
        from kernelq import Context

        return task.limits(Context(request(task=task.name, timelimit=timelimit)))

    assert limits(plain, None) == (100, 90)
    assert limits(own, None) == (10, 90)
    assert limits(own, (5, None)) == (5, 90)
    assert limits(own, (5, 4)) == (5, 4)


# --- calling here --------------------------------------------------------------------------------


def test_a_task_called_like_a_function_runs_here(app: KernelQ) -> None:
    @app.task(bind=True)
    def add(self: Any, x: int, y: int = 1) -> Any:
        return x + y, self.request.called_directly, self.request.id

    assert add(1, y=2) == (3, True, None)
    assert app.broker.queues() == []


def test_a_class_based_task_may_wrap_its_own_call(app: KernelQ, lane: Any) -> None:
    seen: list[Any] = []

    class Logged(Task[..., Any]):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            seen.append(("before", self.request.id))
            return super().__call__(*args, **kwargs)

        def run(self, x: int) -> int:
            seen.append(("inside", self.request.id))
            return x

    task = app.register_task(Logged)
    result = task.apply_async((1,), task_id="i1")

    lane.run()

    assert result.get(timeout=0) == 1
    assert seen == [("before", "i1"), ("inside", "i1")]


def test_a_class_without_a_run_method_says_so(app: KernelQ) -> None:
    class Empty(Task[..., Any]):
        name = "empty"

    with pytest.raises(NotImplementedError, match="task 'empty' has no run method"):
        app.register_task(Empty)()


def test_a_task_is_pickled_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    app = KernelQ("proj")
    task = app.task(name="t", base=Task)(_module_level)

    assert pickle.loads(pickle.dumps(task)) is task


def _module_level() -> None: ...


# --- the checks of a call ------------------------------------------------------------------------


def with_defaults(x: int, y: int = 1, *, z: int = 2) -> None: ...


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ((), {}, "missing 1 required positional argument: 'x'"),
        ((1, 2, 3), {}, r"takes from 1 to 2 positional arguments but 3.* given"),
        ((1,), {"w": 1}, "got an unexpected keyword argument 'w'"),
        ((1,), {"x": 1}, "got multiple values for argument 'x'"),
    ],
)
def test_wrong_arguments_are_refused_at_the_call(app: KernelQ, args: Any, kwargs: Any, said: str) -> None:
    task = app.task(name="t")(with_defaults)

    with pytest.raises(TypeError, match=rf"with_defaults\(\) {said}"):
        task.apply_async(args, kwargs)

    assert app.broker.queues() == []


@pytest.mark.parametrize(("args", "kwargs"), [((1,), {}), ((1, 2), {"z": 3}), ((), {"x": 1})])
def test_right_arguments_are_taken(app: KernelQ, args: Any, kwargs: Any) -> None:
    assert app.task(name="t")(with_defaults).apply_async(args, kwargs).state == "PENDING"


def test_the_task_itself_is_no_argument_of_a_bound_one(app: KernelQ) -> None:
    task = app.task(name="t", bind=True)(lambda self, x: None)

    assert task.delay(1)
    with pytest.raises(TypeError):
        task.delay()


def test_checks_may_be_left_to_the_worker(app: KernelQ) -> None:
    assert app.task(name="t", typing=False)(with_defaults).delay()
    assert KernelQ("loose", broker="memory://", strict_typing=False, set_as_current=False).task(with_defaults).delay()


@pytest.mark.parametrize("function", [dict.fromkeys, max, functools.partial(with_defaults, 1)])
def test_functions_of_any_making_may_be_tasks(app: KernelQ, function: Callable[..., Any]) -> None:
    class Any_(Task[..., Any]):
        name = "t"
        run = staticmethod(function)

    assert app.register_task(Any_).delay(1)


@pytest.mark.parametrize(("args", "kwargs"), [("text", {}), (1, {}), ([], [1]), ({"x": 1}, {})])
def test_arguments_of_the_wrong_shape_are_refused(app: KernelQ, args: Any, kwargs: Any) -> None:
    task = app.task(name="t")(with_defaults)

    with pytest.raises(TypeError, match=r"expected a list or tuple and a mapping as arguments of t, got"):
        task.apply_async(args, kwargs)


# --- retry ---------------------------------------------------------------------------------------


@pytest.fixture
def noon(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> float:
    """Messages are sent at noon, and the engine's clock stands then."""
    app.publisher.now = lambda: NOON
    app.engine("memory://").now = lambda: NOON  # type: ignore[attr-defined]  # the memory engine's clock
    return NOON


def retried(transition: Transition | None) -> Message:
    """The message of the next try, out of what an attempt caused."""
    assert transition is not None
    assert transition.verdict is Verdict.ACK
    (successor,) = transition.successors
    return successor


def test_a_retry_keeps_the_id_and_everything_else_and_counts_one_more(app: KernelQ, lane: Any, noon: float) -> None:
    @app.task(bind=True)
    def flaky(self: Any, x: int) -> None:
        raise self.retry(exc=ValueError("no"), countdown=30)

    result = flaky.apply_async(
        (1,),
        queue="default",
        priority=7,
        expires=1e9,
        headers={"trace": "t"},
        time_limit=9,
        shadow="s",
        root_id="r",
        parent_id="p",
    )
    before = lane.take()
    again = retried(lane.run(before))

    assert again == msgspec.structs.replace(before.message, retries=1, eta=NOON + 30)
    assert (result.state, result.result.args) == (RETRY, ("no",))


def test_a_retry_runs_again_until_it_returns(app: KernelQ, lane: Any) -> None:
    @app.task(bind=True)
    def flaky(self: Any) -> int:
        if self.request.retries < 2:
            raise self.retry(countdown=0)
        return int(self.request.retries)

    result = flaky.delay()
    lane.run_all()

    assert result.get(timeout=0) == 2


def test_max_retries_3_means_4_runs_and_then_the_given_error(app: KernelQ, lane: Any) -> None:
    runs: list[int] = []

    @app.task(bind=True)
    def never(self: Any) -> None:
        runs.append(self.request.retries)
        raise self.retry(exc=ValueError("still no"), countdown=0)

    result = never.delay()
    lane.run_all()

    assert runs == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="still no"):
        result.get(timeout=0)


def test_without_a_given_error_used_up_retries_have_one_of_their_own(app: KernelQ, lane: Any) -> None:
    @app.task(bind=True, max_retries=0)
    def never(self: Any, x: int, y: int) -> None:
        raise self.retry()

    result = never.delay(1, y=2)
    lane.run()

    with pytest.raises(MaxRetriesExceededError, match="its 0 retries are used up"):
        result.get(timeout=0)


def test_the_error_of_used_up_retries_knows_the_arguments(app: KernelQ, lane: Any) -> None:
    caught: list[MaxRetriesExceededError] = []

    @app.task(bind=True, max_retries=0)
    def never(self: Any, x: int, y: int) -> None:
        try:
            self.retry()
        except self.MaxRetriesExceededError as error:
            caught.append(error)

    never.delay(1, y=2)
    lane.run()

    assert (caught[0].task_args, caught[0].task_kwargs) == ([1], {"y": 2})


@pytest.mark.parametrize(("attribute", "argument", "runs"), [(None, None, 6), (0, 2, 3), (5, 1, 2), (None, 1, 2)])
def test_the_limit_is_the_call_s_else_the_task_s_and_none_is_no_limit(
    app: KernelQ, lane: Any, attribute: int | None, argument: int | None, runs: int
) -> None:
    seen: list[int] = []

    @app.task(bind=True, max_retries=attribute)
    def flaky(self: Any) -> None:
        seen.append(self.request.retries)
        if len(seen) < 6:
            raise self.retry(countdown=0, max_retries=argument)

    flaky.delay()
    lane.run_all()

    assert len(seen) == runs


@pytest.mark.parametrize(
    ("options", "eta"),
    [({}, NOON + 180), ({"countdown": 7}, NOON + 7), ({"countdown": 0}, None), ({"eta": "2030-01-01"}, 1893456000.0)],
)
def test_a_retry_waits_for_its_countdown_or_eta_else_the_default_delay(
    app: KernelQ, lane: Any, noon: float, options: dict[str, Any], eta: float | None
) -> None:
    @app.task(bind=True)
    def flaky(self: Any) -> None:
        raise self.retry(**options)

    flaky.delay()

    assert retried(lane.run()).eta == eta


def test_a_retry_may_have_arguments_and_a_queue_of_its_own(app: KernelQ, lane_of: Any) -> None:
    seen: list[Any] = []

    @app.task(bind=True)
    def flaky(self: Any, x: int, y: int = 0) -> None:
        seen.append((self.request.queue, x, y))
        if len(seen) == 1:
            raise self.retry(args=(2,), kwargs={"y": 3}, queue="slow", countdown=0)

    flaky.delay(1)
    lane_of(app, "default", "slow").run_all()

    assert seen == [("default", 1, 0), ("slow", 2, 3)]


@pytest.mark.parametrize("given", [{"args": (2,)}, {"kwargs": {"y": 3}}])
def test_arguments_a_retry_does_not_give_stay(app: KernelQ, lane: Any, given: dict[str, Any]) -> None:
    seen: list[Any] = []

    @app.task(bind=True)
    def flaky(self: Any, x: int, y: int) -> None:
        seen.append((x, y))
        if len(seen) == 1:
            raise self.retry(countdown=0, **given)

    flaky.delay(1, y=1)
    lane.run_all()

    assert seen[1] in [(2, 1), (1, 3)]


def test_a_retry_that_is_not_thrown_is_published_and_the_run_goes_on(app: KernelQ, lane: Any) -> None:
    @app.task(bind=True)
    def flaky(self: Any) -> str:
        if self.request.retries:
            return "again"
        made = self.retry(throw=False, countdown=0)
        assert isinstance(made, Retry)
        return "first"

    result = flaky.delay()
    first = lane.run()
    assert (result.state, result.result, first.successors) == (SUCCESS, "first", ())
    lane.run_all()

    assert app.broker.queues()[0].ready == 0


def test_a_retry_outside_a_worker_raises_the_error_itself(app: KernelQ) -> None:
    @app.task(bind=True)
    def flaky(self: Any, error: Exception | None) -> None:
        try:
            raise KeyError("current")
        except KeyError:
            self.retry(exc=error)

    with pytest.raises(ValueError, match="given"):
        flaky(ValueError("given"))
    with pytest.raises(KeyError, match="current"):
        flaky(None)
    with pytest.raises(Retry):
        flaky.retry()


def test_a_retry_knows_the_error_being_handled(app: KernelQ, lane: Any) -> None:
    @app.task(bind=True)
    def flaky(self: Any) -> None:
        try:
            raise KeyError("current")
        except KeyError:
            raise self.retry() from None

    result = flaky.delay()
    lane.run()

    assert isinstance(result.result, KeyError)
    assert "current" in (result.traceback or "")


def test_the_deadline_of_a_message_stays_the_same_over_retries(app: KernelQ, lane: Any, noon: float) -> None:
    @app.task(bind=True)
    def flaky(self: Any) -> None:
        raise self.retry(countdown=60)

    flaky.apply_async(expires=1e9)
    before = lane.take()
    app.publisher.now = lambda: NOON + 500

    assert retried(lane.run(before)).expires == before.message.expires == NOON + 1e9


# --- autoretry -----------------------------------------------------------------------------------


def test_autoretry_tries_again_after_the_named_errors_and_fails_with_the_error_itself(app: KernelQ, lane: Any) -> None:
    runs: list[int] = []

    @app.task(autoretry_for=(OSError,), max_retries=2, default_retry_delay=0)
    def flaky() -> None:
        runs.append(1)
        raise ConnectionError("away")

    result = flaky.delay()
    lane.run_all()

    assert len(runs) == 3
    with pytest.raises(ConnectionError, match="away"):
        result.get(timeout=0)


@pytest.mark.parametrize("error", [ValueError("no"), Ignore(), Reject("no"), FileNotFoundError("gone")])
def test_autoretry_leaves_other_errors_and_what_a_task_raises_to_end_alone(
    app: KernelQ, lane: Any, error: Exception
) -> None:
    @app.task(autoretry_for=(OSError, Ignore, Reject), dont_autoretry_for=[FileNotFoundError])
    def fails() -> None:
        raise error

    fails.delay()

    assert lane.run().successors == ()


def test_autoretry_leaves_a_retry_of_the_task_s_own_alone(app: KernelQ, lane: Any, noon: float) -> None:
    @app.task(bind=True, autoretry_for=[Exception])
    def flaky(self: Any) -> None:
        raise self.retry(countdown=7)

    flaky.delay()

    assert retried(lane.run()).eta == NOON + 7


@pytest.mark.parametrize(
    ("options", "delays"),
    [
        ({}, [180, 180, 180]),
        ({"retry_kwargs": {"countdown": 5, "max_retries": 9}}, [5, 5, 5]),
        ({"retry_backoff": True}, [1, 2, 4]),
        ({"retry_backoff": 3}, [3, 6, 12]),
        ({"retry_backoff": 2.9}, [2, 4, 8]),
        ({"retry_backoff": 0.5}, [1, 2, 4]),
        ({"retry_backoff": 100, "retry_backoff_max": 150}, [100, 150, 150]),
        ({"retry_backoff": True, "retry_kwargs": {"countdown": 50}}, [1, 2, 4]),
    ],
)
def test_autoretry_waits_as_it_is_told(
    app: KernelQ, lane: Any, noon: float, options: dict[str, Any], delays: list[int]
) -> None:
    @app.task(autoretry_for=[OSError], retry_jitter=False, **options)
    def flaky() -> None:
        raise OSError

    flaky.delay()
    waited = []
    for _ in delays:
        again = retried(lane.run())
        assert again.eta is not None
        waited.append(again.eta - app.publisher.now())
        app.publisher.now = app.engine("memory://").now = lambda eta=again.eta: eta  # type: ignore[misc, attr-defined]

    assert waited == delays


def test_autoretry_with_jitter_waits_between_nothing_and_the_full_backoff(app: KernelQ, lane: Any, noon: float) -> None:
    @app.task(autoretry_for=[OSError], retry_backoff=8)
    def flaky() -> None:
        raise OSError

    for _ in range(30):
        app.broker.purge("default")  # a retry that waits for nothing would be the next to run
        flaky.delay()
        assert 0 <= (retried(lane.run()).eta or NOON) - NOON <= 8


def test_autoretry_may_publish_the_next_try_and_let_this_one_fail(app: KernelQ, lane: Any) -> None:
    @app.task(bind=True, autoretry_for=[OSError], retry_kwargs={"throw": False, "countdown": 0})
    def flaky(self: Any) -> str:
        if not self.request.retries:
            raise OSError("away")
        return "came back"

    result = flaky.delay()
    lane.run()
    assert app.AsyncResult(result.id).state == FAILURE
    lane.run()

    assert result.get(timeout=0) == "came back"


def test_class_based_tasks_retry_by_themselves_too(app: KernelQ, lane: Any) -> None:
    class Flaky(Task[..., Any]):
        autoretry_for = (OSError,)
        default_retry_delay = 0

        def run(self) -> int:
            if not self.request.retries:
                raise OSError
            return 1

    result = app.register_task(Flaky).delay()
    lane.run_all()

    assert result.get(timeout=0) == 1


def test_autoretry_of_a_deep_recursion_gives_the_next_run(app: KernelQ, lane: Any) -> None:
    @app.task(bind=True, autoretry_for=[RecursionError], default_retry_delay=0)
    def deep(self: Any) -> str:
        if not self.request.retries:
            self.run()
        return "came up"

    result = deep.delay()
    lane.run_all()

    assert result.get(timeout=0) == "came up"


# --- states of its own ---------------------------------------------------------------------------


def test_a_task_may_store_states_of_its_own(app: KernelQ, lane: Any) -> None:
    seen: list[Any] = []

    @app.task(bind=True)
    def slow(self: Any) -> str:
        self.update_state(state="HALF", meta={"done": 50})
        seen.append((result.state, result.info))
        return "all"

    result = slow.delay()
    lane.run()

    assert seen == [("HALF", {"done": 50})]
    assert result.get(timeout=0) == "all"


def test_a_state_may_be_stored_for_another_task_and_outside_a_run(app: KernelQ) -> None:
    task = app.task(name="t")(lambda: None)

    task.update_state("i9", "HALF", 1)

    assert (app.AsyncResult("i9").state, app.AsyncResult("i9").result) == ("HALF", 1)
    with pytest.raises(ValueError, match="update_state of t outside a run needs a task_id"):
        task.update_state(state="HALF")


def test_a_task_may_store_the_state_of_another_while_it_runs(app: KernelQ, lane: Any) -> None:
    @app.task(bind=True)
    def other(self: Any) -> None:
        self.update_state("i9", "HALF", 1)

    result = other.delay()
    lane.run()

    assert (app.AsyncResult("i9").state, result.state) == ("HALF", SUCCESS)


def test_a_success_is_never_overwritten_by_a_late_state(app: KernelQ, lane: Any) -> None:
    task = app.task(name="t")(lambda: 1)
    result = task.delay()
    lane.run()

    task.update_state(result.id, "HALF")

    assert app.AsyncResult(result.id).state == SUCCESS


def test_a_state_may_hold_an_exception(app: KernelQ) -> None:
    task = app.task(name="t")(lambda: None)

    task.update_state("i9", FAILURE, ValueError("by hand"))

    with pytest.raises(ValueError, match="by hand"):
        app.AsyncResult("i9").get(timeout=0)


def test_without_a_backend_states_go_nowhere() -> None:
    app = KernelQ("proj", broker="memory://", set_as_current=False)

    app.task(name="t")(lambda: None).update_state("i9", "HALF", 1)


def test_a_task_knows_its_backend_and_earlier_results(app: KernelQ) -> None:
    task = app.task(name="t")(lambda: None)

    assert task.backend is app.backend
    assert task.AsyncResult("i9") == app.AsyncResult("i9")


@pytest.mark.parametrize(
    ("called", "changed", "expected"),
    [
        (((), {"x": 1, "y": 2}), {"args": (5, 6)}, (5, 6)),
        (((), {"x": 1, "y": 2}), {"args": (5,)}, (5, 2)),
        (((1, 2), {}), {"kwargs": {"y": 6}}, (1, 6)),
        (((1, 2), {}), {"args": (3, 4), "kwargs": {}}, (3, 4)),
        (((1,), {"y": 2}), {"args": (3,)}, (3, 2)),
    ],
)
def test_new_arguments_of_a_retry_take_the_place_of_those_for_the_same_parameters(
    app: KernelQ, lane: Any, called: Any, changed: Any, expected: tuple[int, int]
) -> None:
    @app.task(name="again", bind=True)
    def again(self: Any, x: int, y: int) -> tuple[int, int]:
        if self.request.retries == 0:
            raise self.retry(countdown=0, **changed)
        return x, y

    result = again.apply_async(*called)
    lane.run_all()

    assert tuple(result.get(timeout=30)) == expected
