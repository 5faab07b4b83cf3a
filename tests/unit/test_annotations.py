"""The setting `task_annotations`: attributes and handlers of tasks, changed from outside."""

from __future__ import annotations

import functools
import pickle
from typing import Any

import pytest
from kernelq import KernelQ, Task


class Limits:
    """An annotation by object."""

    def __repr__(self) -> str:
        return "Limits()"  # names tests, the same in every process

    def annotate(self, task: Task[..., Any]) -> dict[str, Any] | None:
        return {"rate_limit": "1/s"} if task.name.startswith("proj.") else None


NAMED = {"proj.add": {"rate_limit": "2/s"}}


def add_to(app: KernelQ, **options: Any) -> Any:
    @app.task(name="proj.add", **options)
    def add(x: int, y: int) -> int:
        return x + y

    return add


# --- attributes


def test_a_task_gets_the_attributes_of_its_name(app: KernelQ) -> None:
    app.conf.task_annotations = {"proj.add": {"rate_limit": "10/s", "colour": "red", "time_limit": 5.0}}
    add = add_to(app)
    other = app.task(name="proj.other")(print)

    app.finalize()

    assert (add.rate_limit, add.colour, add.option("time_limit")) == ("10/s", "red", 5.0)
    assert other.rate_limit is None
    assert not hasattr(other, "colour")


def test_every_task_gets_those_of_the_star_also_one_that_comes_later(app: KernelQ) -> None:
    app.conf.task_annotations = {"*": {"max_retries": 9}}
    add = add_to(app)
    app.finalize()
    later = app.task(name="proj.later")(print)

    assert (add.max_retries, later.max_retries) == (9, 9)


def test_the_star_has_the_last_word(app: KernelQ) -> None:
    app.conf.task_annotations = {"proj.add": {"max_retries": 1, "priority": 4}, "*": {"max_retries": 9}}
    add = add_to(app, max_retries=5)

    app.finalize()

    assert (add.max_retries, add.priority) == (9, 4)


def test_they_win_over_the_options_of_the_task_and_of_its_registration(app: KernelQ) -> None:
    class Adding(Task[..., Any]):
        name = "proj.adding"
        priority = 1

        def run(self) -> str:
            return "added"

    app.conf.task_annotations = {"*": {"priority": 7, "autoretry_for": [KeyError]}}
    add = add_to(app, priority=2, autoretry_for=(ValueError,))
    adding = app.register_task(Adding, priority=3)

    app.finalize()

    assert (add.priority, add.autoretry_for) == (7, (KeyError,))
    assert (adding.priority, adding.autoretry_for) == (7, (KeyError,))
    assert adding() == "added"
    assert Adding.priority == 1


def test_a_message_is_sent_as_the_annotations_say(app: KernelQ, lane_of: Any) -> None:
    app.conf.task_annotations = {"proj.add": {"queue": "sums", "priority": 8, "serializer": "msgpack"}}

    add_to(app).delay(1, 2)

    message = lane_of(app, "sums").take().message
    assert (message.queue, message.priority, message.content_type) == ("sums", 8, "application/x-msgpack")


def test_other_apps_and_the_class_stay_as_they_are(app: KernelQ) -> None:
    class Base(Task[..., Any]):
        pass

    app.conf.task_annotations = {"*": {"rate_limit": "1/s"}}
    add = add_to(app, base=Base)
    with KernelQ("other", broker="memory://", set_as_current=False) as other:
        same = add_to(other, base=Base)
        app.finalize()
        other.finalize()

        assert (add.rate_limit, same.rate_limit, Base.rate_limit) == ("1/s", None, None)
    assert isinstance(add, Base)


def test_a_task_keeps_its_face(app: KernelQ) -> None:
    app.conf.task_annotations = {"*": {"rate_limit": "1/s"}}
    add = add_to(app)
    before = (repr(add), type(add).__name__, type(add).__module__, add.where())

    app.finalize()

    assert (repr(add), type(add).__name__, type(add).__module__, add.where()) == before
    assert app.tasks["proj.add"] is add
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'y'"):
        add.delay(1)
    app.set_current()
    assert pickle.loads(pickle.dumps(add)) is add


# --- functions


def test_a_handler_given_so_is_called_with_the_task(app: KernelQ, lane_of: Any) -> None:
    seen: list[Any] = []

    def on_failure(self: Any, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        seen.append((self.name, str(exc), task_id, args))

    def before_start(self: Any, task_id: str, args: Any, kwargs: Any) -> None:
        seen.append(("begins", task_id))

    app.conf.task_annotations = {"*": {"on_failure": on_failure}, "proj.add": {"before_start": before_start}}
    add = add_to(app)

    result = add.delay("a", 2)
    lane_of(app).run()

    assert seen == [
        ("begins", result.id),
        ("proj.add", 'can only concatenate str (not "int") to str', result.id, ["a", 2]),
    ]


def test_a_call_of_its_own_is_what_a_worker_calls(app: KernelQ, lane_of: Any) -> None:
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        return ["around", self.run(*args, **kwargs)]

    app.conf.task_annotations = {"proj.add": {"__call__": __call__}}

    result = add_to(app).delay(1, 2)
    lane_of(app).run()

    assert result.get(timeout=30) == ["around", 3]


def doubled(fun: Any) -> Any:
    @functools.wraps(fun)
    def twice(*args: Any) -> Any:
        return 2 * fun(*args)

    return twice


def test_a_name_with_an_at_puts_a_decorator_around_what_is_there(app: KernelQ, lane_of: Any) -> None:
    @app.task(name="proj.bound", bind=True)
    def bound(self: Any, x: int) -> int:
        return x + len(self.name)

    app.conf.task_annotations = {"proj.add": {"@run": doubled}, "proj.bound": {"@run": doubled}}
    add = add_to(app)

    results = [add.delay(1, 2), bound.delay(0)]
    lane_of(app).run_all()

    assert [result.get(timeout=30) for result in results] == [6, 20]


# --- the forms of the setting


@pytest.mark.parametrize(
    ("given", "limit"),
    [
        (Limits(), "1/s"),
        ([NAMED, Limits()], "2/s"),
        ((Limits(), NAMED), "1/s"),
        ([{"proj.other": {"rate_limit": "9/s"}}, Limits()], "1/s"),
        (f"{__name__}.Limits", "1/s"),
        (f"{__name__}:NAMED", "2/s"),
        (["kernelq_no_such.Limits"], None),
        ({"proj.add": None}, None),
        ([], None),
    ],
    ids=repr,
)
def test_the_setting_is_a_mapping_an_object_or_the_name_of_one_or_several(app: KernelQ, given: Any, limit: Any) -> None:
    app.conf.task_annotations = given
    add = add_to(app)

    app.finalize()

    assert add.rate_limit == limit


def test_it_is_known_by_its_old_name() -> None:
    with KernelQ("proj", broker="memory://", set_as_current=False) as app:
        app.config_from_object({"CELERY_ANNOTATIONS": NAMED})
        add = add_to(app)

        app.finalize()

        assert add.rate_limit == "2/s"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (5, "expected a mapping of task name to attributes, an object with annotate.task. .*, got 5"),
        ({"proj.add": "10/s"}, "expected a mapping of attributes for task 'proj.add', got '10/s'"),
        ({"*": ["10/s"]}, r"expected a mapping of attributes for every task, got \['10/s'\]"),
        ("kernelq_no_such.Limits", "cannot import 'kernelq_no_such.Limits': No module named"),
        ("Limits", "cannot import 'Limits'"),
    ],
)
def test_what_cannot_be_used_is_logged_with_the_reason(
    app: KernelQ, given: Any, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    app.conf.task_annotations = given
    add_to(app)

    app.finalize()

    [record] = [
        record for record in caplog.records if "plugin 'annotations' failed in task_registered" in record.message
    ]
    assert record.exc_info is not None
    with pytest.raises(Exception, match=f"{why}.*task_annotations"):
        raise record.exc_info[1] or AssertionError
