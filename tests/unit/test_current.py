"""The current app and task, and tasks shared by every app."""

from __future__ import annotations

import inspect
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from kernelq import KernelQ, Task, current_app, current_task, shared_task
from kernelq_plugins.current import current


@pytest.fixture(autouse=True)
def _nothing_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test shares is forgotten at its end."""
    monkeypatch.setattr(current, "shared", [])


@pytest.fixture
def app() -> Iterator[KernelQ]:
    """The current app."""
    with KernelQ("proj", broker="memory://", backend="memory://") as app:
        yield app


def test_the_current_app_stands_for_the_app_made_last(app: KernelQ) -> None:
    assert current_app == app
    assert current_app.main == "proj"
    assert (repr(current_app), hash(current_app), bool(current_app)) == (repr(app), hash(app), True)

    current_app.strict_typing = False

    assert app.strict_typing is False
    assert current_app._get_current_object() is app


def test_the_current_task_is_the_one_that_runs_here(app: KernelQ, lane: Any) -> None:
    seen: list[Any] = []

    @app.task(name="outer")
    def outer() -> None:
        seen.append((current_task.name, current_task.request.id))

    outer.apply_async(task_id="i1")
    lane.run()

    assert seen == [("outer", "i1")]
    assert not current_task


def test_the_current_task_is_the_innermost_also_when_it_was_called_directly(app: KernelQ) -> None:
    @app.task(name="inner")
    def inner() -> str:
        return str(current_task.name)

    @app.task(name="outer")
    def outer() -> tuple[str, str, str]:
        return str(current_task.name), inner(), str(current_task.name)

    assert outer() == ("outer", "inner", "outer")


def test_proxies_pass_for_what_they_stand_for(app: KernelQ) -> None:
    @shared_task(name="shared.proxied")
    def add(x: int, y: int) -> int:
        "Sum."
        return x + y

    assert isinstance(current_app, KernelQ)
    assert isinstance(add, Task)
    assert "shared.proxied" in current_app.tasks
    assert "delay" in dir(add)


def test_a_shared_task_says_what_its_function_is_without_an_app(monkeypatch: pytest.MonkeyPatch) -> None:
    @shared_task
    def said(x: int, y: int) -> int:
        "Sum."
        return x + y

    monkeypatch.setattr(current, "find_app", lambda: pytest.fail("an app was looked up"))

    about: Any = said
    assert (about.__name__, about.__module__, about.__doc__) == ("said", __name__, "Sum.")
    assert about.__qualname__.endswith("<locals>.said")
    assert list(inspect.signature(about).parameters) == ["x", "y"]


def test_a_shared_task_is_pickled_by_name(app: KernelQ) -> None:
    @shared_task(name="shared.pickled")
    def pickled(x: int, y: int) -> int:
        return x + y

    again = pickle.loads(pickle.dumps(pickled))

    assert again is app.tasks["shared.pickled"]


def test_a_shared_task_follows_the_naming_of_each_app(app: KernelQ) -> None:
    class Named(KernelQ):
        def gen_task_name(self, name: str, module: str) -> str:
            return f"mine.{name}"

    @shared_task
    def named_so(x: int, y: int) -> int:
        return x + y

    with Named("named", broker="memory://") as named:
        assert "mine.named_so" in named.tasks
        assert named_so.name == "mine.named_so"


def test_what_is_no_function_cannot_be_shared(app: KernelQ) -> None:
    with pytest.raises(TypeError, match="expected a function to make a shared task of, got \\('name',\\)"):
        shared_task("name")  # type: ignore[call-overload]

    with pytest.raises(TypeError, match=r"is a task of one app already; share it by @app.task\(shared=True\)"):
        shared_task(app.task(lambda: None))


def test_a_task_with_the_option_shared_lands_in_every_other_app(app: KernelQ) -> None:
    before = KernelQ("before", broker="memory://", set_as_current=False)
    before.finalize()
    task = app.task(name="proj.lands_everywhere", bind=True, max_retries=7)(lambda self, x: (self.max_retries, x))
    type(task).shared = True  # type: ignore[attr-defined]  # what the option leaves on the task's class

    app.finalize()
    later = KernelQ("later", broker="memory://", set_as_current=False)

    for other in (before, later):
        assert other.tasks["proj.lands_everywhere"].app is other
        assert other.tasks["proj.lands_everywhere"](1) == (7, 1)


def test_a_missing_app_is_an_error_when_asked_for() -> None:
    code = "from kernelq import current_app; current_app.main"
    environment = {**os.environ, "KERNELQ_TRACE": "app"}

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=30)

    assert "RuntimeError: no app is current here" in done.stderr


def test_a_shared_task_lands_in_every_app_also_those_made_before(app: KernelQ) -> None:
    app.finalize()

    @shared_task(name="shared.add")
    def add(x: int, y: int) -> int:
        return x + y

    later = KernelQ("later", broker="memory://", set_as_current=False)

    assert app.tasks["shared.add"](1, 2) == 3
    assert later.tasks["shared.add"].app is later
    assert add == app.tasks["shared.add"]
    assert add(1, 2) == 3


def test_a_shared_task_is_the_current_app_s_own(app: KernelQ) -> None:
    @shared_task
    def add(x: int, y: int) -> int:
        return x + y

    seen: list[Any] = []

    def elsewhere() -> None:
        with KernelQ("other", broker="memory://", backend="memory://") as other:
            seen.append(add.app is other)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join(30)

    assert add.app is app
    assert add.name == f"{__name__}.add"
    assert seen == [True]


def test_sharing_a_task_twice_is_refused(app: KernelQ) -> None:
    @shared_task(name="shared.twice")
    def add() -> None: ...

    with pytest.raises(TypeError, match="shared_task was applied twice"):
        shared_task(add)
