"""The plugin registry: one door for every plugin, and nobody harmed by one that raises."""

from __future__ import annotations

import re
import sys
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest
from kernelq import KernelQ, hookimpl, hooks, registry
from kernelq.errors import PluginConflict, PluginError


def plugin(name: str = "dogs", **functions: Any) -> ModuleType:
    """A module whose functions are hookimpls."""
    made = ModuleType(name, "Dogs: a plugin of a test.")
    for function_name, function in functions.items():
        function.__name__ = function_name
        setattr(made, function_name, hookimpl(function))
    return made


def info(app: KernelQ, name: str) -> registry.PluginInfo:
    return next(info for info in app.plugins.infos() if info.name == name)


# --- registering ---------------------------------------------------------------------------------


def test_a_module_goes_by_its_name_and_is_listed_with_its_hooks(app: KernelQ) -> None:
    app.register_plugin(plugin(task_prerun=lambda task: None, worker_ready=lambda worker: None))

    found = info(app, "dogs")

    assert (found.state, found.module, found.doc) == ("on", "dogs", "Dogs: a plugin of a test.")
    assert found.hooks == ("task_prerun", "worker_ready")


def test_an_object_goes_by_its_class_unless_it_is_named(app: KernelQ) -> None:
    class Dogs:
        pass

    app.register_plugin(Dogs())
    app.register_plugin(Dogs(), "more dogs")

    assert app.plugins.has(Dogs.__qualname__)
    assert app.plugins.has("more dogs")


def test_a_function_may_implement_a_hook_under_another_name(app: KernelQ) -> None:
    class Dogs:
        @hookimpl(specname="task_prerun")
        def bark(self) -> None:
            pass

    app.register_plugin(Dogs(), "dogs")

    assert info(app, "dogs").hooks == ("task_prerun",)


@pytest.mark.parametrize("is_loaded", [False, True], ids=["before", "after"])
def test_a_plugin_may_be_registered_before_and_after_the_others_are_loaded(app: KernelQ, is_loaded: bool) -> None:
    if is_loaded:
        assert app.plugins

    app.register_plugin(plugin())

    assert app.plugins.has("dogs")


def test_a_name_is_taken_once(app: KernelQ) -> None:
    app.register_plugin(plugin())

    with pytest.raises(PluginConflict, match="plugin 'dogs' is registered already"):
        app.plugins.register(plugin())


def test_a_plugin_is_registered_once_whatever_its_name(app: KernelQ) -> None:
    dogs = plugin()
    app.register_plugin(dogs)

    with pytest.raises(PluginConflict, match="plugin 'wolves' is registered already"):
        app.plugins.register(dogs, "wolves")


def test_a_misspelt_hook_is_refused_with_the_nearest(app: KernelQ) -> None:
    with pytest.raises(
        PluginError, match="plugin 'dogs' implements the unknown hook 'task_prerum'; did you mean 'task_prerun'"
    ):
        app.plugins.register(plugin(task_prerum=lambda task: None))

    assert not app.plugins.has("dogs")


def test_a_misspelt_argument_is_refused_with_those_there_are_and_the_nearest(app: KernelQ) -> None:
    with pytest.raises(
        PluginError,
        match=r"plugin 'dogs': hook 'task_prerun' has no argument 'reqest' \(it has: app, task, request\); "
        r"did you mean 'request'\?",
    ):
        app.plugins.register(plugin(task_prerun=lambda reqest: None))


def test_an_argument_of_a_hook_without_any_is_refused(app: KernelQ) -> None:
    with pytest.raises(PluginError, match=r"hook 'settings' has no argument 'app' \(it has: none\)"):
        app.plugins.register(plugin(settings=lambda app: []))


def test_a_plugin_taken_out_is_no_longer_told(app: KernelQ) -> None:
    told: list[str] = []
    app.register_plugin(plugin(task_prerun=lambda task: told.append(task)))
    app.plugins.notify("task_prerun", app=app, task="one", request=None)

    app.plugins.unregister("dogs")
    app.plugins.notify("task_prerun", app=app, task="two", request=None)

    assert told == ["one"]
    assert not app.plugins.has("dogs")


def test_taking_out_an_unknown_plugin_names_the_nearest(app: KernelQ) -> None:
    app.register_plugin(plugin())

    with pytest.raises(PluginError, match="no plugin 'dog' is registered; did you mean 'dogs'"):
        app.plugins.unregister("dog")


# --- loading -------------------------------------------------------------------------------------


def test_every_installed_plugin_is_loaded(app: KernelQ) -> None:
    states = {info.name: info.state for info in app.plugins.infos()}

    assert states.keys() >= {"broker_memory", "results", "signals"}
    assert set(states.values()) == {"on"}


def test_a_disabled_plugin_is_listed_and_not_loaded() -> None:
    app = KernelQ("proj", disable_plugins=["signals"], set_as_current=False)

    assert info(app, "signals").state == "disabled"
    assert not app.plugins.has("signals")


def test_the_environment_may_disable_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELQ_DISABLE_PLUGINS", "signals,testkit")

    app = KernelQ("proj", set_as_current=False)

    assert not app.plugins.has("signals")
    assert not app.plugins.has("testkit")


def test_disabling_an_unknown_plugin_names_the_nearest() -> None:
    app = KernelQ("proj", disable_plugins=["signal"], set_as_current=False)

    with pytest.raises(PluginError, match=r"no plugin 'signal' to disable \(installed: .*\); did you mean 'signals'"):
        app.plugins  # noqa: B018


def test_a_named_module_may_be_disabled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dogs", plugin())

    app = KernelQ("proj", plugins=["dogs"], disable_plugins=["dogs"], set_as_current=False)

    assert not app.plugins.has("dogs")


def test_loading_again_adds_what_is_new_and_leaves_the_rest(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dogs", plugin())
    before = app.plugins.infos()

    app.plugins.load(["dogs"])

    assert {info.name for info in app.plugins.infos()} == {"dogs", *(info.name for info in before)}


def test_a_plugin_that_misses_its_library_is_skipped_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = EntryPoint("wolves", "no_such_library.plugin", registry.GROUP)
    monkeypatch.setattr(registry, "discover", lambda: {"wolves": missing})

    app = KernelQ("proj", set_as_current=False)

    assert info(app, "wolves").state == "skipped: No module named 'no_such_library'"


def test_two_distributions_that_offer_one_plugin_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("dogs", f"{module}.plugin", registry.GROUP) for module in ("one", "other")]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)

    with pytest.raises(PluginConflict, match=r"plugin 'dogs' is offered as one.plugin and as other.plugin"):
        registry.discover.__wrapped__()


def test_one_plugin_seen_twice_on_the_path_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("dogs", "one.plugin", registry.GROUP)] * 2
    monkeypatch.setattr(registry, "entry_points", lambda group: points)

    assert list(registry.discover.__wrapped__()) == ["dogs"]


# --- telling -------------------------------------------------------------------------------------


def test_every_listener_is_told_with_the_arguments_it_asks_for(app: KernelQ) -> None:
    told: list[Any] = []
    app.register_plugin(plugin("one", task_prerun=lambda task, app: told.append((task, app))))
    app.register_plugin(plugin("other", task_prerun=lambda: told.append("other")))

    app.plugins.notify("task_prerun", app=app, task="t", request=None)

    assert sorted(told, key=str) == [("t", app), "other"]


def test_a_listener_that_raises_is_logged_and_counted_and_the_others_are_told(
    app: KernelQ, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    def bad(task: Any) -> None:
        raise ValueError("bad dog")

    app.register_plugin(plugin("before", task_prerun=lambda task: told.append("before")))
    app.register_plugin(plugin("bad", task_prerun=bad))
    app.register_plugin(plugin("after", task_prerun=lambda task: told.append("after")))

    app.plugins.notify("task_prerun", app=app, task=None, request=None)

    assert sorted(told) == ["after", "before"]
    assert app.plugins.failures == {"bad": 1}
    assert "plugin 'bad' failed in task_prerun" in caplog.text
    assert "bad dog" in caplog.text


def test_first_and_last_are_kept(app: KernelQ) -> None:
    told: list[str] = []

    class Last:
        @hookimpl(trylast=True)
        def task_prerun(self) -> None:
            told.append("last")

    class First:
        @hookimpl(tryfirst=True)
        def task_prerun(self) -> None:
            told.append("first")

    app.register_plugin(Last())
    app.register_plugin(First())
    app.register_plugin(plugin("middle", task_prerun=lambda: told.append("middle")))

    app.plugins.notify("task_prerun", app=app, task=None, request=None)

    assert told == ["first", "middle", "last"]


def test_what_nobody_hears_is_known_to_be_so(app: KernelQ) -> None:
    assert not app.plugins.heard("task_revoked")

    app.register_plugin(plugin(task_revoked=lambda task: None))

    assert app.plugins.heard("task_revoked")


@pytest.mark.parametrize("hook", sorted(registry.HOOKS))
def test_every_hook_says_its_kind_its_thread_and_shows_an_example(hook: str) -> None:
    kinds = re.findall(r"^ {4}(\w+)  ", hooks.__doc__ or "", re.MULTILINE)
    text = getattr(hooks, hook).__doc__

    assert text.split(":")[0].lower() in kinds
    assert "Example: ``" in text
    assert any(word in text for word in ("thread", "Thread"))


def test_calls_of_hooks_can_be_traced(
    app: KernelQ, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERNELQ_TRACE", "hooks")

    assert app.conf.worker_pool

    assert "settings" in capsys.readouterr().out
