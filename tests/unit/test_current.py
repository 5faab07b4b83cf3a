"""The current app and task, and tasks shared by every app."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from kernelq import KernelQ, current_app, current_task, shared_task
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
    thread.join(5)

    assert add.app is app
    assert add.name == f"{__name__}.add"
    assert seen == [True]


def test_sharing_a_task_twice_is_refused(app: KernelQ) -> None:
    @shared_task(name="shared.twice")
    def add() -> None: ...

    with pytest.raises(TypeError, match="shared_task was applied twice"):
        shared_task(add)
