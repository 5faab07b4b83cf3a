"""What users expect on the app: its own signals, ids, connections, pickling, and names to import."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import click
import pytest
from kernelq import KernelQ, Task
from kernelq.contracts import BrokerRefused, BrokerUnavailable
from kernelq.errors import DuplicateTaskNameWarning, UnknownSetting
from kernelq_plugins.app_surface import connection as connection_module
from kernelq_plugins.app_surface.pickled import reduce_app
from kernelq_plugins.current import current


@pytest.fixture
def app() -> Iterator[KernelQ]:
    with KernelQ("proj", broker="memory://", backend="memory://", set_as_current=False) as app:
        yield app


# --- signals of one app


def test_an_app_tells_that_its_settings_and_tasks_are_complete_once_each(app: KernelQ) -> None:
    told: list[Any] = []

    @app.on_configure.connect
    def configuring(sender: Any, **kwargs: Any) -> None:
        told.append(("on_configure", sender))

    @app.on_after_configure.connect
    def configured(sender: Any, source: Any, **kwargs: Any) -> None:
        told.append(("on_after_configure", sender, source.broker_url))

    @app.on_after_finalize.connect
    def finalized(sender: Any, **kwargs: Any) -> None:
        told.append(("on_after_finalize", sender, sorted(sender.tasks)[-1]))

    app.task(name="zz.last")(lambda: None)
    app.finalize()
    assert app.conf.broker_url
    app.config_from_object({"task_default_queue": "other"}, force=True)

    configured_ones = [("on_configure", app), ("on_after_configure", app, "memory://")]
    assert [one for one in told if one[0] != "on_after_finalize"] == configured_ones
    assert [one for one in told if one[0] == "on_after_finalize"] == [("on_after_finalize", app, "zz.last")]


def test_another_app_tells_its_own(app: KernelQ) -> None:
    told: list[Any] = []
    app.on_after_configure.connect(lambda **kwargs: told.append(kwargs), weak=False)
    other = KernelQ("other", broker="memory://", set_as_current=False)

    assert other.conf.broker_url

    assert not told


def test_shared_tasks_are_there_when_an_app_tells_that_it_is_finalized(
    app: KernelQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current, "shared", [lambda app: app.task(name="shared.one")(lambda: None)])
    seen: list[bool] = []
    app.on_after_finalize.connect(lambda sender, **kwargs: seen.append("shared.one" in sender.tasks), weak=False)

    app.finalize()

    assert seen == [True]


def test_settings_may_be_changed_while_an_app_is_configured(app: KernelQ) -> None:
    order: list[str] = []

    @app.on_configure.connect
    def more(sender: Any, **kwargs: Any) -> None:
        sender.config_from_object({"task_default_queue": "mail"})
        order.append("configured further")

    @app.on_after_configure.connect
    def after(source: Any, **kwargs: Any) -> None:
        order.append(source.task_default_queue)

    assert app.conf.task_default_queue == "mail"
    assert order == ["configured further", "mail"]


def test_a_subclass_may_configure_by_a_method() -> None:
    class Mine(KernelQ):
        def on_configure(self) -> None:  # type: ignore[override]  # a signal, unless a subclass says otherwise
            self.conf.task_default_queue = "mail"

    app = Mine("mine", broker="memory://", set_as_current=False)

    assert app.conf.task_default_queue == "mail"


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_is_told_with_an_id_of_its_own(app: KernelQ) -> None:
    reading, writing = os.pipe()
    here = app.oid

    @app.on_after_fork.connect
    def forked(sender: Any, **kwargs: Any) -> None:
        os.write(writing, sender.oid.encode())

    child = os.fork()
    if child == 0:  # pragma: no cover  (in the child)
        os._exit(0)
    os.waitpid(child, 0)

    told = os.read(reading, 100).decode()
    assert told
    assert told != here == app.oid


# --- ids and running tasks


def test_every_thread_has_an_id_of_its_own_in_every_app(app: KernelQ) -> None:
    ids: list[str] = []
    thread = threading.Thread(target=lambda: ids.extend((app.thread_oid, app.thread_oid, app.oid)))
    thread.start()
    thread.join(30)
    other = KernelQ("other", set_as_current=False)

    assert ids[0] == ids[1] != app.thread_oid == app.thread_oid
    assert ids[2] == app.oid != other.oid


def test_the_running_task_is_known_with_and_without_direct_calls(app: KernelQ, lane_of: Any) -> None:
    seen: list[Any] = []

    @app.task(name="inner")
    def inner() -> None:
        seen.append((app.current_task.name, app.current_worker_task.name))

    @app.task(name="outer")
    def outer() -> None:
        seen.append((app.current_task.name, app.current_worker_task.name))
        inner()

    outer.delay()
    lane_of(app).run()

    assert seen == [("outer", "outer"), ("inner", "outer")]
    assert (app.current_task, app.current_worker_task) == (None, None)


# --- the broker


class Away:
    """A broker that answers from the third question on."""

    def __init__(self, error: Exception, fails: int = 2) -> None:
        self.error, self.fails, self.asked = error, fails, 0

    def renew(self, ids: Any) -> list[str]:
        self.asked += 1
        if self.asked <= self.fails:
            raise self.error
        return []


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits there would have been."""
    waited: list[float] = []
    monkeypatch.setattr(connection_module.time, "sleep", waited.append)
    return waited


@pytest.mark.parametrize("name", ["connection", "connection_for_read", "connection_for_write", "broker_connection"])
def test_a_connection_is_open_inside_its_block(name: str, app: KernelQ) -> None:
    with getattr(app, name)() as connection:
        assert not connection.connected
        assert connection.ensure_connection(max_retries=1) is connection
        assert connection.connected

    assert not connection.connected
    assert app.broker.queues() is not None


def test_a_connection_waits_for_a_broker_that_comes(
    app: KernelQ, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    failures: list[Any] = []
    away = Away(BrokerUnavailable("away"))
    monkeypatch.setattr(app, "_broker", away)

    app.connection().ensure_connection(errback=lambda error, wait: failures.append((str(error), wait)))

    assert failures == [("away", wait) for wait in waits]
    assert 1.6 <= waits[0] <= 2.4 < waits[1] <= 4.8  # seconds, with their jitter


def test_a_connection_gives_up_after_its_retries(
    app: KernelQ, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    away = Away(BrokerUnavailable("away"))
    monkeypatch.setattr(app, "_broker", away)

    with pytest.raises(BrokerUnavailable, match="away"):
        app.connection().ensure_connection(max_retries=1)

    assert away.asked == 2


@pytest.mark.parametrize(("error", "timeout"), [(BrokerRefused("no"), None), (BrokerUnavailable("away"), 1)])
def test_a_connection_does_not_wait_in_vain(
    error: Exception, timeout: float | None, app: KernelQ, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setattr(app, "_broker", Away(error))

    with pytest.raises(BrokerUnavailable):
        app.connection().ensure_connection(timeout=timeout)

    assert waits == []


def test_a_connection_may_be_to_another_broker_and_masks_its_password(app: KernelQ) -> None:
    with app.connection("memory://me:secret@other", connect_timeout=1.5) as other:
        other.connect()

        assert "secret" not in other.as_uri() + repr(other)
        assert other.as_uri(include_password=True) == other.clone().as_uri(include_password=True)
        assert "other" in other.as_uri()


def test_a_given_connection_is_used_and_left_open(app: KernelQ) -> None:
    mine = app.connection().connect()

    with app.connection_or_acquire(mine) as used, app.default_connection() as own:
        assert used is mine
        assert own is not mine

    assert mine.connected


# --- building upon the app


def test_a_class_of_tasks_may_belong_to_the_app(app: KernelQ) -> None:
    class Base(Task[..., Any]):
        """Mine."""

    app.Task = Base
    made = app.create_task_cls()

    assert made.__name__ == "Task"
    assert issubclass(made, Base)
    assert made.app is app


def test_any_class_may_be_given_the_app(app: KernelQ) -> None:
    class Tool:
        """A tool."""

    made = app.subclass_with_self(Tool, name="Bound", attribute="owner", size=3)

    assert (made.__name__, made.__doc__, made.owner, made.size, made.__module__) == (
        "Bound",
        "A tool.",
        app,
        3,
        __name__,
    )


class Tool:
    """What is pickled as its size."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __reduce_args__(self) -> tuple[int]:
        return (self.size,)


def test_what_a_class_of_the_app_made_is_pickled_by_its_name_on_the_app(
    app: KernelQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = app.subclass_with_self(Tool, reverse="Tool")
    monkeypatch.setattr(app, "Tool", made, raising=False)
    monkeypatch.setattr(KernelQ, "current", classmethod(lambda cls: app))

    again = pickle.loads(pickle.dumps(made(3)))

    assert (type(again), again.size, again.app) == (made, 3, app)


def test_a_worker_goes_by_its_other_name_too(app: KernelQ) -> None:
    assert app.WorkController(pool="solo").pool_name == "solo"


def test_options_for_commands_are_kept_by_command(app: KernelQ) -> None:
    option = click.Option(["--template"])

    app.user_options["preload"].add(option)

    assert app.user_options["preload"] == {option}
    assert not app.user_options["worker"]


@pytest.mark.parametrize("way", ["argument", "attribute", "subclass"])
def test_tasks_have_the_base_class_the_app_was_given(way: str) -> None:
    class Base(Task[..., Any]):
        retries_told = 7

    class Mine(KernelQ):
        task_cls = Base

    if way == "argument":
        app = KernelQ("proj", task_cls=Base, set_as_current=False)
    elif way == "subclass":
        app = Mine("proj", set_as_current=False)
    else:
        app = KernelQ("proj", set_as_current=False)
        app.Task = Base

    assert app.task(lambda: None).retries_told == 7


# --- pickling


def test_an_app_comes_back_with_its_settings(app: KernelQ) -> None:
    app.conf.task_default_queue = "mail"
    app.add_defaults({"task_default_priority": 4})

    again = pickle.loads(pickle.dumps(app))

    assert type(again) is KernelQ
    assert (again.main, again.conf.task_default_queue, again.conf.task_default_priority) == ("proj", "mail", 4)
    assert again.conf.broker_url == "memory://"
    assert KernelQ.current() is not again


class Mine(KernelQ):
    """A subclass at the top of a module, so that it can be found again."""


def test_an_app_of_a_subclass_is_taken_apart_and_made_again() -> None:
    app = Mine("mine", broker="memory://", strict_typing=False, set_as_current=False)
    make, arguments = reduce_app(app)

    again = make(*arguments)

    assert (type(again), again.main, again.strict_typing) == (Mine, "mine", False)


# --- names to import


def test_names_are_found_where_users_look_for_them() -> None:
    import kernelq
    from kernelq.utils.log import get_logger, get_task_logger

    assert get_task_logger("x") is kernelq.get_task_logger("x")
    assert get_logger("x").name == "x"


# --- two tasks of one name


@pytest.mark.parametrize("way", ["bare", "with options", "shared"])
def test_of_two_functions_of_one_name_the_first_stays_and_the_warning_is_at_the_second(
    way: str, app: KernelQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current, "shared", [])
    monkeypatch.setattr(app, "gen_task_name", lambda name, module: "proj.twice")
    first = app.task(lambda: 1)

    def second() -> int:
        return 2

    def register() -> None:
        if way == "shared":
            current.shared.append(lambda app: app.task(second))
            app.finalize()
        else:
            assert (app.task(max_retries=1)(second) if way == "with options" else app.task(second)) is first

    with pytest.warns(
        DuplicateTaskNameWarning, match="the task name 'proj.twice' is taken by .*; .* is left out"
    ) as caught:
        register()

    assert (caught[0].filename, caught[0].lineno) == (__file__, second.__code__.co_firstlineno)
    assert app.tasks["proj.twice"]() == 1


def test_a_registered_task_takes_the_place_of_another_with_a_warning(app: KernelQ) -> None:
    class First(Task[..., Any]):
        name = "proj.twice"

        def run(self) -> int:
            return 1

    class Second(First):
        def run(self) -> int:
            return 2

    app.register_task(First)
    app.register_task(First)
    with pytest.warns(DuplicateTaskNameWarning, match="is taken by .*; .* replaces it"):
        app.register_task(Second)

    assert app.tasks["proj.twice"]() == 2


# --- what the constructor takes


@pytest.mark.parametrize("name", ["loader", "amqp", "events", "log", "control", "tasks", "fixups"])
def test_a_component_there_is_none_of_may_be_left_empty_and_not_replaced(name: str) -> None:
    assert KernelQ("proj", broker="memory://", set_as_current=False, **{name: None}).conf.broker_url

    with pytest.raises(UnknownSetting, match=f"unknown setting {name!r}"):
        KernelQ("proj", set_as_current=False, **{name: "proj.mine:Mine"}).conf.broker_url  # noqa: B018


def test_changes_are_settings_that_keywords_win_over() -> None:
    changes = {"task_default_queue": "mail", "task_default_priority": 3}

    app = KernelQ("proj", broker="memory://", changes=changes, task_default_priority=4, set_as_current=False)

    assert (app.conf.task_default_queue, app.conf.task_default_priority) == ("mail", 4)


def test_a_base_class_of_tasks_may_be_named() -> None:
    app = KernelQ("proj", task_cls="decimal:Decimal", set_as_current=False)  # type: ignore[arg-type]

    assert app.Task.__name__ == "Decimal"


def test_a_missing_source_of_settings_may_be_passed_over() -> None:
    app = KernelQ("proj", config_source="absent_settings", config_source_silent=True, set_as_current=False)

    assert app.conf.task_default_queue == "default"


def test_without_autofinalize_tasks_are_not_to_be_had_before_finalize() -> None:
    app = KernelQ("proj", broker="memory://", autofinalize=False, set_as_current=False)

    with pytest.raises(RuntimeError, match="finalize"):
        _ = app.tasks
    app.finalize()

    assert app.tasks is not None


def test_an_app_of_a_subclass_is_pickled_too() -> None:
    again = pickle.loads(pickle.dumps(Mine("mine", broker="memory://", set_as_current=False)))

    assert (type(again), again.main) == (Mine, "mine")


def test_a_task_with_the_option_shared_lands_in_other_apps(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "shared", [])
    app.finalize()
    app.task(name="proj.everywhere", shared=True, bind=True, max_retries=7)(lambda self, x: (self.max_retries, x))
    later = KernelQ("later", broker="memory://", set_as_current=False)

    assert later.tasks["proj.everywhere"](1) == (7, 1)
    assert later.tasks["proj.everywhere"].app is later


def test_an_app_can_be_subscripted() -> None:
    assert KernelQ[int] is not None  # type: ignore[misc]
    assert Task[[int], str] is not None
