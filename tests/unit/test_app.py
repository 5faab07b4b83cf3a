"""The app: what it is made of, how it finds its engines, and which one is current."""

from __future__ import annotations

import datetime
import gc
import os
import runpy
import sys
import threading
from pathlib import Path
from typing import Any

import kernelq
import pytest
from kernelq import KernelQ, Task, _api, hookimpl
from kernelq.errors import NoBackend


def test_without_a_broker_one_file_in_the_working_directory_is_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with KernelQ("proj", set_as_current=False) as app:
        app.task(name="t")(lambda: None).delay()

        assert app.broker.engine is app.backend.engine
        assert (tmp_path / "kernelq.sqlite3").exists()


def test_with_a_broker_of_its_own_an_app_has_no_backend_unless_it_names_one() -> None:
    app = KernelQ("proj", broker="memory://", set_as_current=False)

    assert app.backend_url is None
    with pytest.raises(NoBackend, match=r"no result backend is configured, .*; set result_backend"):
        app.backend  # noqa: B018


@pytest.mark.parametrize("url", ["", "disabled", "disabled://"])
def test_a_backend_may_be_switched_off(url: str) -> None:
    app = KernelQ("proj", backend=url, set_as_current=False)

    assert app.backend_url is None


def test_engines_are_one_per_server_or_file(app: KernelQ) -> None:
    assert app.engine("memory://") is app.engine("memory:///")
    assert app.engine("memory://") is not app.engine("memory://other")


def test_plugins_wait_until_they_are_needed(app: KernelQ) -> None:
    assert not app.has_plugins

    app.conf.worker_pool  # noqa: B018

    assert app.has_plugins


def test_a_closed_app_opens_again(app: KernelQ) -> None:
    first = app.broker

    app.close()

    assert app.broker is not first


def test_drivers_are_made_once_even_by_many_threads() -> None:
    made: list[object] = []
    gate = threading.Barrier(4)

    class Brings:
        @hookimpl
        def make_broker(self, url: str) -> object:
            made.append(object())
            return made[-1]

    app = KernelQ("proj", broker="dog://", set_as_current=False)
    app.register_plugin(Brings())

    def use() -> None:
        gate.wait(30)
        app.broker  # noqa: B018

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(made) == 1


def test_a_forked_child_talks_over_connections_of_its_own(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/queue.sqlite3"
    with KernelQ("proj", broker=url, set_as_current=False) as app:
        task = app.task(name="t")(lambda: None)
        task.delay()
        child = os.fork()
        if not child:
            try:
                task.delay()
            finally:
                os._exit(0)
        os.waitpid(child, 0)

        assert [stats.ready for stats in app.broker.queues()] == [2]


# --- tasks of an app -----------------------------------------------------------------------------


def test_a_task_decorator_takes_one_function_or_options(app: KernelQ) -> None:
    @app.task
    def bare() -> None: ...

    @app.task(priority=3)
    def given() -> None: ...

    assert (bare.priority, given.priority) == (None, 3)


@pytest.mark.parametrize("args", [(1,), (print, print), ("name",)])
def test_a_task_decorator_given_anything_else_says_so(app: KernelQ, args: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match=r"expected a function to make a task of, got .*; give options by keyword"):
        app.task(*args)


def test_the_base_class_of_tasks_is_the_call_s_the_app_s_or_the_class_s() -> None:
    class Mine(Task[..., Any]):
        pass

    class Other(Task[..., Any]):
        pass

    app = KernelQ("proj", task_cls=Mine, set_as_current=False)

    assert isinstance(app.task(lambda: None), Mine)
    assert isinstance(app.task(base=Other, name="other")(lambda: None), Other)


def test_plugins_are_told_once_when_the_tasks_are_complete(app: KernelQ) -> None:
    told: list[KernelQ] = []

    class Listener:
        @hookimpl
        def app_finalized(self, app: KernelQ) -> None:
            told.append(app)

    app.register_plugin(Listener())

    app.finalize()
    app.tasks.get("t")

    assert told == [app]
    assert app in KernelQ.finalized_apps()


def test_a_task_not_known_here_may_be_sent_by_name(app: KernelQ) -> None:
    result = app.send_task("elsewhere.add", (2, 2), {"z": 1}, queue="far")

    (stats,) = app.broker.queues()
    assert (stats.name, stats.ready) == ("far", 1)
    assert app.AsyncResult(result.id) == result


# --- time ----------------------------------------------------------------------------------------


def test_naive_times_are_utc_unless_a_zone_is_set(app: KernelQ) -> None:
    assert app.timezone is datetime.UTC

    app.conf.timezone = "Europe/Berlin"

    assert str(app.timezone) == "Europe/Berlin"
    assert app.now().utcoffset() in (datetime.timedelta(hours=1), datetime.timedelta(hours=2))


def test_without_utc_the_machine_s_zone_counts(app: KernelQ) -> None:
    app.conf.enable_utc = False

    assert app.now().utcoffset() == datetime.datetime.now().astimezone().utcoffset()


# --- the command line ----------------------------------------------------------------------------


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Calls of the command line, which does nothing."""
    calls: list[Any] = []

    def main(*args: Any, **options: Any) -> None:
        calls.append((args, options))

    monkeypatch.setattr("kernelq_plugins.commands.command_line.main", main)
    find = _api.find
    monkeypatch.setattr(_api, "find", lambda name: main if name == "command_line" else find(name))
    return calls


def test_an_app_runs_the_command_line_with_itself(app: KernelQ, command_line: list[Any]) -> None:
    app.start(["queues"])
    app.worker_main()

    assert command_line == [((["queues"],), {"app": app}), ((None,), {"app": app})]


def test_the_program_is_the_command_line(command_line: list[Any]) -> None:
    runpy.run_module("kernelq", run_name="__main__")

    assert command_line == [((), {})]


def test_without_its_plugin_the_command_line_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> Any:
        raise AttributeError(f"no {name}")

    monkeypatch.setattr(_api, "find", find)

    with pytest.raises(SystemExit, match=r"the plugin 'commands' is not installed, .* \(no command_line\)"):
        runpy.run_module("kernelq", run_name="__main__")


# --- the current app -----------------------------------------------------------------------------


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No app of another test is seen."""
    monkeypatch.setattr("kernelq.app._apps", [])
    monkeypatch.setattr("kernelq.app._local", threading.local())
    monkeypatch.setattr(KernelQ, "_default", None)
    monkeypatch.setattr(KernelQ, "_latest", None)


@pytest.mark.usefixtures("alone")
def test_the_app_made_last_is_current_unless_it_does_not_want_to_be() -> None:
    first = KernelQ("first")
    assert KernelQ.current() is first

    second = KernelQ("second")
    KernelQ("third", set_as_current=False)

    assert KernelQ.current() is second


@pytest.mark.usefixtures("alone")
def test_threads_without_an_app_of_their_own_take_the_default_or_the_latest() -> None:
    def seen_elsewhere() -> KernelQ:
        seen: list[KernelQ] = []
        thread = threading.Thread(target=lambda: seen.append(KernelQ.current()))
        thread.start()
        thread.join(30)
        return seen[0]

    first, second = KernelQ("first"), KernelQ("second")
    assert seen_elsewhere() is second

    first.set_default()
    assert seen_elsewhere() is first

    first.set_current()
    assert KernelQ.current() is first


@pytest.mark.usefixtures("alone")
def test_an_app_that_is_gone_is_not_current_and_a_new_one_is_made_at_need() -> None:
    KernelQ("gone", set_as_current=False)
    gc.collect()

    assert KernelQ.current().main == "default"


def test_an_app_shows_its_name() -> None:
    assert repr(KernelQ("proj", set_as_current=False)).startswith("<KernelQ proj at 0x")


# --- public names --------------------------------------------------------------------------------


def test_every_public_name_is_there() -> None:
    for name in kernelq.__all__:
        assert getattr(kernelq, name)
    assert set(kernelq.__all__) <= set(dir(kernelq))


def test_a_public_name_of_a_plugin_is_found_like_the_kernel_s_own() -> None:
    from kernelq import AsyncResult, signals
    from kernelq.signals import task_prerun

    assert AsyncResult.__module__ == "kernelq_plugins.results.result"
    assert signals.task_prerun is task_prerun


@pytest.mark.parametrize("name", ["nothing", "_private"])
def test_a_name_nobody_offers_is_no_attribute(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'kernelq' has no attribute '{name}'"):
        getattr(kernelq, name)


def test_modules_of_plugins_are_looked_for_once() -> None:
    before = list(sys.meta_path)

    _api.install()

    assert sys.meta_path == before


def test_a_module_nobody_offers_cannot_be_imported() -> None:
    with pytest.raises(ModuleNotFoundError):
        __import__("kernelq.nothing")


def test_a_public_name_whose_plugin_cannot_be_imported_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernelq._api.offered", lambda: {"dog": "kernelq_plugins.kennel.dog:Dog"})

    with pytest.raises(
        AttributeError, match=r"kernelq.dog lives in the plugin kernelq_plugins.kennel, which cannot be imported"
    ):
        kernelq.dog  # noqa: B018
