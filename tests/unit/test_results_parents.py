"""Parents of a result that is waited for: they are looked at beside it, and not watched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from threading import Timer
from typing import Any

import pytest
from kernelq import AsyncResult, GroupResult, KernelQ
from kernelq.contracts import FAILURE, SUCCESS, Outcome, describe
from kernelq.errors import TimeoutError

WAYS = [AsyncResult.get, lambda result, timeout: asyncio.run(result.aget(timeout=timeout))]


@pytest.fixture
def app() -> Iterator[KernelQ]:
    with KernelQ("parents", broker="memory://", backend="memory://", set_as_current=False) as app:
        yield app


@pytest.fixture(params=WAYS, ids=["get", "aget"])
def get(request: pytest.FixtureRequest) -> Callable[..., Any]:
    way: Callable[..., Any] = request.param
    return way


def fail(app: KernelQ, id: str) -> None:
    serializer = app.serializer("json")
    value = serializer.dumps(describe(KeyError("boom")))
    app.backend.apply([Outcome(id=id, state=FAILURE, value=value, content_type=serializer.content_type)])


def after(app: KernelQ, number: int) -> AsyncResult[Any]:
    """What waits for a header of so many tasks, the last of which is called `last`."""
    header = GroupResult[int]("g", [app.AsyncResult(f"h{i}") for i in range(number - 1)], app=app)
    header.add(app.AsyncResult("last"))
    return AsyncResult("body", app=app, parent=header)


def test_a_parent_that_fails_while_its_follower_is_waited_for_is_seen(app: KernelQ, get: Callable[..., Any]) -> None:
    timer = Timer(0.05, fail, (app, "last"))
    timer.start()

    with pytest.raises(KeyError, match="boom"):
        get(after(app, 3), timeout=30)
    timer.join()


def test_a_parent_that_failed_is_seen_before_the_time_is_up(app: KernelQ, get: Callable[..., Any]) -> None:
    fail(app, "last")

    with pytest.raises(KeyError, match="boom"):
        get(after(app, 5000), timeout=0.01)


def test_time_is_up_though_all_parents_have_returned(app: KernelQ, get: Callable[..., Any]) -> None:
    app.backend.apply([Outcome(id=id, state=SUCCESS) for id in ("h0", "last")])

    with pytest.raises(TimeoutError, match=r"\[body\] was not done within 0.3 s"):
        get(after(app, 2), timeout=0.3)


def test_parents_are_not_watched(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    app.backend.apply([Outcome(id="body", state=SUCCESS)])
    watched: list[str] = []
    watch = app.backend.watch
    monkeypatch.setattr(app.backend, "watch", lambda ids: watched.extend(ids) or watch(ids))

    after(app, 1000).get(timeout=30)

    assert watched == ["body"]
