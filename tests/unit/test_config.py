"""Configuration: declared settings, the layers of their values, and what is said of a wrong one."""

from __future__ import annotations

import datetime
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from kernelq import KernelQ, Option, hookimpl
from kernelq.errors import ImproperlyConfigured, PluginError, UnknownSetting


@pytest.fixture
def app() -> KernelQ:
    return KernelQ("proj", set_as_current=False)


def module(name: str, monkeypatch: pytest.MonkeyPatch, **members: Any) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(members)
    monkeypatch.setitem(sys.modules, name, made)
    return made


# --- layers --------------------------------------------------------------------------------------


def test_each_layer_hides_the_ones_below_it(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    def seen() -> tuple[Any, str]:
        return app.conf.table()["task_default_queue"]

    assert seen() == ("default", "default")

    app.add_defaults({"task_default_queue": "a default"})
    assert seen() == ("a default", "add_defaults")

    app.config_from_object({"task_default_queue": "loaded"})
    assert seen() == ("loaded", "dict")

    app.conf.task_default_queue = "set"
    assert seen() == ("set", "app.conf")

    monkeypatch.setenv("KERNELQ_TASK_DEFAULT_QUEUE", "environment")
    app.conf.update(task_default_priority=1)  # looked-up values are kept until something changes
    assert seen() == ("environment", "KERNELQ_TASK_DEFAULT_QUEUE")

    app.conf.force("task_default_queue", "forced")
    assert seen() == ("forced", "the command line")


def test_what_is_given_to_the_app_is_a_setting_like_others() -> None:
    app = KernelQ("proj", broker="memory://", include=["os"], worker_concurrency=3, set_as_current=False)

    assert (app.conf.broker_url, app.conf.include, app.conf.worker_concurrency) == ("memory://", ("os",), 3)


def test_the_first_defaults_that_know_a_setting_count_and_callables_are_asked_late(app: KernelQ) -> None:
    asked: list[str] = []

    def late() -> dict[str, Any]:
        asked.append("late")
        return {"worker_concurrency": 5}

    app.add_defaults(late)
    app.add_defaults({"worker_concurrency": 7, "worker_pool": "solo"})

    assert asked == []
    assert (app.conf.worker_concurrency, app.conf.worker_pool) == (5, "solo")


def test_a_later_source_takes_the_place_of_an_earlier_one(app: KernelQ) -> None:
    app.config_from_object({"worker_concurrency": 5, "worker_pool": "solo"})
    assert app.conf.worker_concurrency == 5

    app.config_from_object({"worker_concurrency": 6})

    assert (app.conf.worker_concurrency, app.conf.worker_pool) == (6, "prefork")


def test_nothing_is_loaded_before_the_first_read(app: KernelQ) -> None:
    app.config_from_object("no.such.module")
    app.conf.worker_concurrency = 2

    with pytest.raises(ImproperlyConfigured, match=r"cannot load the configuration 'no.such.module'"):
        app.conf.worker_concurrency  # noqa: B018


def test_the_first_read_tells_plugins_once(app: KernelQ) -> None:
    class Listener:
        configured = 0

        @hookimpl
        def app_configured(self, app: KernelQ) -> None:
            self.configured += 1
            assert app.conf.worker_pool == "prefork"

    listener = Listener()
    app.register_plugin(listener)

    app.conf.worker_pool, app.conf.worker_pool  # noqa: B018

    assert listener.configured == 1
    assert not app.plugins.failures


# --- sources -------------------------------------------------------------------------------------


class Settings:
    task_default_queue = "mail"
    worker_concurrency = 2
    helper = "is no setting"


@pytest.mark.parametrize("source", [Settings, Settings(), {"task_default_queue": "mail", "worker_concurrency": 2}])
def test_settings_come_from_classes_objects_and_mappings(app: KernelQ, source: object) -> None:
    app.config_from_object(source)

    assert (app.conf.task_default_queue, app.conf.worker_concurrency) == ("mail", 2)


@pytest.mark.parametrize("name", ["proj_settings", "proj_settings:Settings", "proj_settings.Settings"])
def test_settings_come_from_dotted_names(app: KernelQ, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module("proj_settings", monkeypatch, task_default_queue="mail", Settings=Settings)

    app.config_from_object(name)

    assert app.conf.task_default_queue == "mail"


def test_an_app_may_name_its_source_when_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    module("proj_settings", monkeypatch, APP_TASK_DEFAULT_QUEUE="mail")

    app = KernelQ("proj", config_source="proj_settings", namespace="APP", set_as_current=False)

    assert app.conf.task_default_queue == "mail"


def test_a_namespace_takes_what_begins_with_it_and_leaves_the_rest(app: KernelQ) -> None:
    app.config_from_object(
        SimpleNamespace(PROJ_TASK_DEFAULT_QUEUE="mail", TASK_DEFAULT_PRIORITY=7, DATABASE="x"), namespace="PROJ"
    )

    assert (app.conf.task_default_queue, app.conf.task_default_priority) == ("mail", 0)


def test_an_unknown_name_under_a_namespace_is_refused(app: KernelQ) -> None:
    app.config_from_object({"PROJ_WORKER_CONCURENCY": 2}, namespace="PROJ")

    with pytest.raises(UnknownSetting, match="did you mean 'worker_concurrency'"):
        app.conf.worker_pool  # noqa: B018


def test_old_names_are_understood_in_a_source_and_when_read(app: KernelQ) -> None:
    app.config_from_object({"CELERY_DEFAULT_QUEUE": "mail", "CELERYD_CONCURRENCY": 2})

    assert (app.conf.task_default_queue, app.conf.worker_concurrency) == ("mail", 2)
    assert app.conf.CELERY_DEFAULT_QUEUE == app.conf["TASK_DEFAULT_QUEUE"] == "mail"


def test_old_and_new_names_in_one_source_are_refused_with_the_renames(app: KernelQ) -> None:
    app.config_from_object({"CELERY_DEFAULT_QUEUE": "mail", "worker_concurrency": 2})

    with pytest.raises(ImproperlyConfigured, match="mixed in one source; rename: CELERY_DEFAULT_QUEUE -> task_default"):
        app.conf.worker_pool  # noqa: B018


def test_the_new_name_counts_when_a_source_gives_both(app: KernelQ) -> None:
    app.config_from_object({"CELERY_DEFAULT_QUEUE": "old", "task_default_queue": "new"})

    assert app.conf.task_default_queue == "new"


def test_a_missing_source_may_be_passed_over(app: KernelQ) -> None:
    app.config_from_object("no.such.module", silent=True)

    assert app.conf.worker_pool == "prefork"


def test_a_source_may_be_read_at_once(app: KernelQ) -> None:
    with pytest.raises(ImproperlyConfigured, match="cannot load"):
        app.config_from_object("no.such.module", force=True)


def test_without_a_plugin_that_reads_sources_a_source_is_refused() -> None:
    app = KernelQ("proj", set_as_current=False, disable_plugins=["settings_sources"])
    app.config_from_object({})

    with pytest.raises(ImproperlyConfigured, match="enable the plugin 'settings_sources'"):
        app.conf.worker_pool  # noqa: B018


def test_a_plugin_may_read_sources_of_its_own_kind(app: KernelQ) -> None:
    class Reader:
        @hookimpl
        def read_settings(self, source: Any) -> dict[str, Any] | None:
            return {"worker_pool": "solo"} if source == "proj.toml" else None

    app.register_plugin(Reader())
    app.config_from_object("proj.toml")

    assert app.conf.table()["worker_pool"] == ("solo", "proj.toml")


def test_an_environment_variable_may_name_the_source(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    module("proj_settings", monkeypatch, task_default_queue="mail")
    monkeypatch.setenv("PROJ_SETTINGS", "proj_settings")

    assert app.config_from_envvar("PROJ_SETTINGS") is True
    assert app.conf.task_default_queue == "mail"


def test_an_environment_variable_that_is_not_set_is_named(app: KernelQ) -> None:
    assert app.config_from_envvar("PROJ_SETTINGS", silent=True) is False
    with pytest.raises(ImproperlyConfigured, match="'PROJ_SETTINGS' is not set"):
        app.config_from_envvar("PROJ_SETTINGS")


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", ["read", "item", "set early", "set late", "source"])
def test_an_unknown_setting_is_refused_and_the_nearest_is_named(app: KernelQ, use: str) -> None:
    if use in ("set early", "set late"):
        if use == "set late":
            assert app.conf.worker_pool
            with pytest.raises(UnknownSetting, match=r"unknown setting 'worker_lese'; did you mean 'worker_lease'\?"):
                app.conf.worker_lese = 3
            return
        app.conf.worker_lese = 3
    elif use == "source":
        app.config_from_object({"worker_lese": 3})
    if use == "item":
        with pytest.raises(KeyError, match="did you mean 'worker_lease'"):
            app.conf["worker_lese"]
    else:
        with pytest.raises(UnknownSetting, match=r"unknown setting 'worker_lese'; did you mean 'worker_lease'\?"):
            app.conf.worker_lese  # noqa: B018


def test_a_setting_near_to_none_says_how_to_list_them(app: KernelQ) -> None:
    with pytest.raises(UnknownSetting, match=r"unknown setting 'zzzzzz'; 'kernelq config --all' lists them"):
        app.conf.zzzzzz  # noqa: B018


def test_an_unknown_variable_of_ours_in_the_environment_is_named(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELQ_WORKER_CONCURENCY", "3")

    with pytest.raises(
        UnknownSetting,
        match=r"from the environment variable KERNELQ_WORKER_CONCURENCY; did you mean 'worker_concurrency'\?",
    ):
        app.conf.worker_pool  # noqa: B018


def test_variables_of_ours_that_are_no_settings_are_left_alone(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELQ_APP", "proj")

    assert app.conf.worker_pool == "prefork"


def test_get_and_in_take_unknown_names(app: KernelQ) -> None:
    assert app.conf.get("worker_lease") == 15.0
    assert app.conf.get("no_such", 7) == 7
    assert "worker_lease" in app.conf
    assert "CELERYD_CONCURRENCY" in app.conf
    assert "no_such" not in app.conf
    assert 3 not in app.conf
    assert "worker_lease" in list(app.conf)


def test_the_configuration_is_no_bag_of_python_attributes(app: KernelQ) -> None:
    assert not hasattr(app.conf, "__wrapped__")


def test_plugins_declare_settings_of_their_own(app: KernelQ) -> None:
    class Dogs:
        @hookimpl
        def settings(self) -> list[Option]:
            return [Option("dog_limit", int, 3, "most dogs", ("DOGS",), 1)]

    app.register_plugin(Dogs())
    app.conf.DOGS = 5

    assert app.conf.dog_limit == 5


def test_two_plugins_that_declare_one_setting_differently_are_refused(app: KernelQ) -> None:
    class Dogs:
        @hookimpl
        def settings(self) -> list[Option]:
            return [Option("worker_pool", int, 3, "something else")]

    app.register_plugin(Dogs())

    with pytest.raises(ImproperlyConfigured, match="the setting 'worker_pool' is declared twice"):
        app.conf.worker_lease  # noqa: B018


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("WORKER_CONCURRENCY", "4", 4),
        ("WORKER_LEASE", "1.5", 1.5),
        ("TASK_ACKS_LATE", "false", False),
        ("TASK_ACKS_LATE", "True", True),
        ("INCLUDE", "a.tasks, b.tasks,", ("a.tasks", "b.tasks")),
        ("BROKER_TRANSPORT_OPTIONS", '{"a": 1}', {"a": 1}),
        ("WORKER_POOL", "solo", "solo"),
    ],
)
def test_text_from_the_environment_takes_the_declared_type(
    app: KernelQ, name: str, text: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"KERNELQ_{name}", text)

    assert app.conf[name.lower()] == value


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("worker_concurrency", "many", "expected .*int.*, got 'many'"),
        ("worker_concurrency", 1.5, "expected .*int.*, got 1.5"),
        ("worker_concurrency", True, "expected .*int.*, got True"),
        ("worker_batch", 0, "expected .*at least 1, got 0"),
        ("worker_lease", "soon", "expected .*, got 'soon'"),
        ("worker_lease", None, "expected .*, got None"),
        ("worker_lease", -1, "expected .*at least 0.1, got -1"),
        ("task_acks_late", "maybe", "expected .*bool.*, got 'maybe'"),
        ("task_acks_late", 1, "expected .*bool.*, got 1"),
        ("include", 3, "expected .*, got 3"),
        ("broker_transport_options", "[]", r"expected .*, got '\[\]'"),
        ("broker_transport_options", "{", "got '{'"),
        ("worker_pool", 3, "expected .*str.*, got 3"),
    ],
)
def test_a_wrong_value_says_what_was_expected_what_came_and_from_where(
    app: KernelQ, name: str, value: Any, expected: str
) -> None:
    app.conf[name] = value

    with pytest.raises(ImproperlyConfigured, match=rf"{expected} \(setting {name}, from app.conf\)"):
        app.conf[name]


def test_a_wrong_value_is_refused_at_once_when_settings_were_read_before(app: KernelQ) -> None:
    assert app.conf.worker_pool

    with pytest.raises(ImproperlyConfigured, match=r"expected .*int.*, got 'many'"):
        app.conf.worker_concurrency = "many"


@pytest.mark.parametrize("value", [90, 90.0, datetime.timedelta(minutes=1.5), "90"])
def test_seconds_may_be_a_number_a_timedelta_or_text(app: KernelQ, value: Any) -> None:
    app.conf.worker_lease = value

    assert app.conf.worker_lease == 90


def test_none_is_taken_where_it_means_something(app: KernelQ) -> None:
    app.conf.update(worker_concurrency=None, result_expires=None)

    assert (app.conf.worker_concurrency, app.conf.result_expires) == (None, None)


def test_a_setting_of_any_type_takes_all_as_it_is(app: KernelQ) -> None:
    class Dogs:
        @hookimpl
        def settings(self) -> list[Option]:
            return [Option("dog", object, None, "any dog"), Option("dog_speed", float, 1.0, "metres per second")]

    app.register_plugin(Dogs())
    app.conf.update({"dog": "3"}, dog_speed="2.5")

    assert (app.conf.dog, app.conf.dog_speed) == ("3", 2.5)
    app.conf.dog = self = object()
    assert app.conf.dog is self


def test_a_wrong_url_is_masked_in_the_error(app: KernelQ) -> None:
    app.conf.broker_url = ["redis://u:hunter2@host"]

    with pytest.raises(ImproperlyConfigured) as caught:
        app.conf.broker_url  # noqa: B018

    assert "hunter2" not in str(caught.value)


# --- plugins named in settings -------------------------------------------------------------------


def test_a_plugin_may_be_named_by_a_source(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    made = module("proj_plugin", monkeypatch)
    made.app_configured = hookimpl(lambda app: made.seen.append(app))  # type: ignore[attr-defined]
    made.seen = []  # type: ignore[attr-defined]

    app.config_from_object({"plugins": ["proj_plugin"]})

    assert app.conf.plugins == ("proj_plugin",)
    assert app.plugins.has("proj_plugin")
    assert made.seen == [app]


@pytest.mark.parametrize("where", ["argument", "environment", "source"])
def test_a_plugin_that_cannot_be_imported_is_named(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"plugins": "no_such.plugin"} if where == "argument" else {}
    if where == "environment":
        monkeypatch.setenv("KERNELQ_PLUGINS", "no_such.plugin")
    app = KernelQ("proj", set_as_current=False, **settings)
    if where == "source":
        app.config_from_object({"plugins": ("no_such.plugin",)})

    with pytest.raises(PluginError, match=r"cannot import the plugin 'no_such.plugin': .*; is it on the path"):
        app.conf.worker_pool  # noqa: B018
