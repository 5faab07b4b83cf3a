"""Waiting for one result: with `get`, in a coroutine, and by a callback."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kernelq import AsyncResult, KernelQ
from kernelq.contracts import FAILURE, STARTED, SUCCESS, BackendUnavailable, Outcome
from kernelq.errors import BackendGetMetaError, TimeoutError
from kernelq.exceptions import ChordError
from kernelq.result import GroupResult, allow_join_result, denied_join_result


def store(app: KernelQ, id: str, state: str = SUCCESS, value: Any = None, **fields: Any) -> AsyncResult[Any]:
    app.backend.apply([Outcome(id=id, state=state, value=app.serializer("json").dumps(value), **fields)])
    return app.AsyncResult(id)


def fail(app: KernelQ, id: str, error: BaseException) -> AsyncResult[Any]:
    described = {"exc_type": type(error).__name__, "exc_module": type(error).__module__, "exc_message": error.args}
    return store(app, id, FAILURE, described)


class Outage:
    """A backend that is away for a number of reads."""

    def __init__(self, app: KernelQ, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.left = times
        for name in ("get_many", "watch"):
            monkeypatch.setattr(app.backend, name, getattr(self, name)(getattr(app.backend, name)))

    def get_many(self, real: Any) -> Any:
        def call(argument: Any) -> Any:
            if self.left > 0:
                self.left -= 1
                raise BackendUnavailable("gone fishing")
            return real(argument)

        return call

    def watch(self, real: Any) -> Any:
        def call(ids: Any) -> Any:
            watch = real(ids)
            watch.changes = self.get_many(watch.changes)
            return watch

        return call


# --- get -----------------------------------------------------------------------------------------


def test_get_tells_of_every_state_on_the_way(app: KernelQ) -> None:
    seen: list[Any] = []
    result = store(app, "i1", STARTED, {"hostname": "w@h"})

    def hear(meta: dict[str, Any]) -> None:
        seen.append((meta["status"], meta["result"]))
        if meta["status"] == STARTED:
            store(app, "i1", "PROGRESS", {"done": 5})
        elif meta["status"] == "PROGRESS":
            store(app, "i1", SUCCESS, 7)

    assert result.get(timeout=30, on_message=hear) == 7
    assert seen == [(STARTED, {"hostname": "w@h"}), ("PROGRESS", {"done": 5}), (SUCCESS, 7)]


def test_get_calls_on_interval_while_it_waits(app: KernelQ) -> None:
    calls: list[int] = []

    def tick() -> None:
        calls.append(1)
        if len(calls) == 3:
            store(app, "i1", SUCCESS, 7)

    assert app.AsyncResult("i1").get(timeout=30, interval=0.001, on_interval=tick) == 7
    assert len(calls) >= 3


def test_get_takes_its_arguments_in_the_order_users_know(app: KernelQ) -> None:
    called: list[Any] = []
    result = store(app, "i1", SUCCESS, 7)

    assert result.get(1, True, 0.5, True, True, lambda *args: called.append(args), None, None, True) == 7
    assert result.wait(1, False) == 7
    assert called == [("i1", 7)]


def test_an_ignored_result_is_none_at_once_for_who_knows_it(app: KernelQ) -> None:
    result = app.task(name="t", ignore_result=True)(lambda: 1).delay()

    assert result.ignored
    assert result.get() is None
    with pytest.raises(TimeoutError):
        app.AsyncResult(result.id).get(timeout=0)


def test_the_first_success_stays(app: KernelQ) -> None:
    store(app, "i1", SUCCESS, 7)

    store(app, "i1", FAILURE, None, fence=9)
    store(app, "i1", "PROGRESS", 1, fence=10)

    assert app.AsyncResult("i1").get(timeout=0) == 7


def test_many_threads_may_wait_with_one_result(app: KernelQ) -> None:
    result, values = app.AsyncResult("i1"), []
    threads = [threading.Thread(target=lambda: values.append(result.get(timeout=30))) for _ in range(20)]
    for thread in threads:
        thread.start()

    store(app, "i1", SUCCESS, 7)
    for thread in threads:
        thread.join(30)

    assert values == [7] * 20


# --- parents -------------------------------------------------------------------------------------


def test_a_parent_that_fails_ends_the_waiting_with_its_error(app: KernelQ) -> None:
    fail(app, "first", KeyError("boom"))
    result = AsyncResult[int]("last", app=app, parent=AsyncResult("middle", app=app, parent=app.AsyncResult("first")))

    with pytest.raises(KeyError, match="boom"):
        result.get(timeout=30)


def test_parents_are_not_looked_at_when_they_are_not_to_be(app: KernelQ) -> None:
    fail(app, "first", KeyError("boom"))
    result = AsyncResult[int]("last", app=app, parent=app.AsyncResult("first"))

    with pytest.raises(TimeoutError, match=r"\[last\] was not done"):
        result.get(timeout=0, follow_parents=False)
    with pytest.raises(TimeoutError):
        result.get(timeout=0, propagate=False)


def test_a_failed_chord_raises_its_header_s_error_each_time_and_its_own_by_id(app: KernelQ) -> None:
    fail(app, "h2", KeyError("boom"))
    fail(app, "body", ChordError("Dependency h2 raised KeyError('boom')"))
    header = GroupResult[int]("g", [app.AsyncResult("h1"), app.AsyncResult("h2")], app=app)
    result = AsyncResult[int]("body", app=app, parent=header)

    for _ in range(2):
        with pytest.raises(KeyError, match="boom"):
            result.get(timeout=30)
    with pytest.raises(ChordError, match="Dependency h2"):
        app.AsyncResult("body").get(timeout=30)
    with pytest.raises(ChordError):
        result.get(timeout=30, follow_parents=False)


def test_forgetting_goes_up_to_the_parents(app: KernelQ) -> None:
    parent = store(app, "first")
    result = AsyncResult[int]("last", app=app, parent=parent)
    store(app, "last")
    assert result.get(timeout=0) is None

    result.forget()

    assert not result.exists()
    assert not app.AsyncResult("first").exists()


# --- inside tasks --------------------------------------------------------------------------------


def test_waiting_can_be_denied_anywhere(app: KernelQ) -> None:
    result = store(app, "i1", SUCCESS, 7)

    with denied_join_result():
        with pytest.raises(RuntimeError, match="never call result.get"):
            result.get(timeout=0)
        with allow_join_result():
            assert result.get(timeout=0) == 7
        with pytest.raises(RuntimeError):
            list(result.collect())


def test_allowing_is_for_this_thread_alone(app: KernelQ, lane: Any) -> None:
    other = store(app, "i9", SUCCESS, 7)
    result = app.task(name="ask")(lambda: other.get(timeout=0)).delay()
    threads = [threading.Thread(target=lane.run_all)]

    with allow_join_result():
        threads[0].start()
        threads[0].join(30)

    assert "never call result.get() within a task" in str(result.result)


# --- a backend that is away -----------------------------------------------------------------------


def test_a_backend_that_is_away_is_told_at_once_by_default(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    Outage(app, monkeypatch, 1)

    with pytest.raises(BackendUnavailable, match="gone fishing"):
        app.AsyncResult("i1").get(timeout=0)


def test_a_backend_that_is_away_is_asked_again_when_the_settings_say_so(
    app: KernelQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.conf.result_backend_always_retry = True
    app.conf.result_backend_base_sleep_between_retries_ms = 1
    store(app, "i1", SUCCESS, 7)

    Outage(app, monkeypatch, 3)
    assert app.AsyncResult("i1").state == SUCCESS
    Outage(app, monkeypatch, 3)
    assert app.AsyncResult("i1").get(timeout=30) == 7


def test_asking_again_ends_where_the_settings_say(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    app.conf.update(
        result_backend_always_retry=True, result_backend_max_retries=2, result_backend_base_sleep_between_retries_ms=1
    )
    Outage(app, monkeypatch, 3)

    with pytest.raises(BackendGetMetaError, match="still away after 2 retries: gone fishing") as error:
        app.AsyncResult("i1").state  # noqa: B018
    assert error.value.task_id == "i1"


# --- then ----------------------------------------------------------------------------------------


@pytest.fixture
def rung() -> Iterator[Any]:
    """Collects what it is called with; `wait` says whether it was."""

    class Bell(list[Any]):
        def __init__(self) -> None:
            super().__init__()
            self.event = threading.Event()

        def __call__(self, value: Any) -> str:
            self.append(value)
            self.event.set()
            return "rung"

    return Bell()  # type: ignore[return-value]


def test_a_callback_gets_the_result_when_its_task_ends(app: KernelQ, rung: Any) -> None:
    result = app.AsyncResult("i1")
    result.then(rung)

    store(app, "i1", SUCCESS, 7)

    assert rung.event.wait(30)
    assert rung == [result]
    assert rung[0] is result
    assert rung[0].result == 7


def test_a_callback_is_called_for_a_failed_task_too(app: KernelQ, rung: Any) -> None:
    fail(app, "i1", KeyError("boom"))

    app.AsyncResult("i1").then(rung)

    assert rung.event.wait(30)
    assert isinstance(rung[0].result, KeyError)


def test_a_callback_on_a_result_that_is_known_is_called_at_once(app: KernelQ, rung: Any) -> None:
    result = store(app, "i1", SUCCESS, 7)
    assert result.ready()

    result.then(rung)

    assert rung == [result]


def test_whoever_waits_calls_the_callback_and_only_once(app: KernelQ, rung: Any) -> None:
    result = app.AsyncResult("i1")
    result.then(rung)
    store(app, "i1", SUCCESS, 7)

    result.get(timeout=30)
    assert rung.event.wait(30)
    result.get(timeout=30)

    assert rung == [result]


def test_what_a_callback_returns_goes_to_the_next(app: KernelQ, rung: Any) -> None:
    values: list[Any] = []
    store(app, "i1", SUCCESS, 7)

    app.AsyncResult("i1").then(lambda result: result.result + 1).then(rung).then(values.append)

    assert rung.event.wait(30)
    assert rung == [8]


def test_an_error_of_a_callback_goes_to_on_error_else_into_the_log(
    app: KernelQ, rung: Any, caplog: pytest.LogCaptureFixture
) -> None:
    result = store(app, "i1", SUCCESS, 7)
    assert result.ready()

    with caplog.at_level(logging.ERROR, "kernelq.results"):
        result.then(lambda result: 1 / 0, rung)
        result.then(lambda result: 1 / 0)

    assert isinstance(rung[0], ZeroDivisionError)
    assert len(caplog.records) == 1
    assert result.get(timeout=0) == 7


def test_a_weak_callback_is_not_called_once_nobody_holds_the_result(app: KernelQ, rung: Any) -> None:
    gone, kept = app.AsyncResult("i1"), app.AsyncResult("i2")
    called: list[Any] = []
    gone.then(called.append, weak=True)
    kept.then(rung, weak=True)

    del gone
    gc.collect()
    store(app, "i1")
    store(app, "i2")

    assert rung.event.wait(30)
    assert called == []


def test_callbacks_outlive_an_outage(app: KernelQ, rung: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Outage(app, monkeypatch, 1)
    app.AsyncResult("i1").then(rung)

    store(app, "i1")

    assert rung.event.wait(30)


# --- aget ----------------------------------------------------------------------------------------


def test_awaiting_leaves_the_loop_free(app: KernelQ) -> None:
    async def main() -> tuple[int, int]:
        waiting = asyncio.ensure_future(app.AsyncResult("i1").aget(timeout=30))
        turns = 0
        while not waiting.done():
            turns += 1
            if turns == 10:
                store(app, "i1", SUCCESS, 7)
            await asyncio.sleep(0.001)
        return await waiting, turns

    value, turns = asyncio.run(main())

    assert value == 7
    assert turns >= 10


def test_a_thousand_awaited_results_need_no_thousand_threads(app: KernelQ) -> None:
    ids = [f"i{i}" for i in range(1000)]
    most = 0

    async def main() -> list[Any]:
        nonlocal most
        waiting = asyncio.gather(*(app.AsyncResult(id).aget(timeout=20) for id in ids))
        await asyncio.sleep(0)
        for i, id in enumerate(ids):
            store(app, id, SUCCESS, i)
            if i % 100 == 0:
                most = max(most, threading.active_count())
                await asyncio.sleep(0)
        return await waiting

    before = threading.active_count()
    assert asyncio.run(main()) == list(range(1000))
    assert most - before <= 4


def test_who_awaits_later_is_heard_while_others_wait(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    watching, watch = threading.Event(), app.backend.watch
    monkeypatch.setattr(app.backend, "watch", lambda ids: (watch(ids), watching.set())[0])

    async def main() -> list[Any]:
        first = asyncio.ensure_future(app.AsyncResult("i1").aget(timeout=10))
        await asyncio.to_thread(watching.wait, 5)
        store(app, "i2", SUCCESS, 2)
        second = await app.AsyncResult("i2").aget(timeout=30)
        store(app, "i1", SUCCESS, 1)
        return [await first, second]

    assert asyncio.run(main()) == [1, 2]


def test_awaiting_raises_what_the_task_or_its_parent_raised(app: KernelQ) -> None:
    fail(app, "first", KeyError("boom"))
    fail(app, "last", ChordError("first failed"))
    result = AsyncResult[int]("last", app=app, parent=app.AsyncResult("first"))

    with pytest.raises(KeyError):
        asyncio.run(app.AsyncResult("first").aget(timeout=30))
    with pytest.raises(KeyError):
        asyncio.run(result.aget(timeout=30))
    assert isinstance(asyncio.run(app.AsyncResult("last").aget(timeout=30, propagate=False)), ChordError)


def test_awaiting_gives_up_after_its_timeout_and_leaves_nothing_behind(app: KernelQ) -> None:
    from kernelq_plugins.results.waiter import waiter_of

    async def main() -> None:
        with pytest.raises(TimeoutError, match=r"\[i1\] was not done within 0.01 s"):
            await app.AsyncResult("i1").aget(timeout=0.01)
        waiting = asyncio.ensure_future(app.AsyncResult("i2").aget())
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())

    assert waiter_of(app, app.backend)._listeners == {}


def test_a_backend_that_is_away_is_told_to_who_awaits(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    Outage(app, monkeypatch, 1)

    with pytest.raises(BackendUnavailable, match="gone fishing"):
        asyncio.run(app.AsyncResult("i1").aget(timeout=30))


def test_a_waiter_with_nothing_to_do_ends(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernelq_plugins.results.waiter.LINGER", 0.01)
    others = {thread.ident for thread in threading.enumerate()}
    store(app, "i1", SUCCESS, 7)
    assert asyncio.run(app.AsyncResult("i1").aget(timeout=30)) == 7

    deadline = time.monotonic() + 5
    for thread in threading.enumerate():
        if thread.ident not in others and thread.name == "kernelq-results":
            thread.join(max(0.0, deadline - time.monotonic()))

    assert asyncio.run(app.AsyncResult("i1").aget(timeout=30)) == 7


def test_awaiting_inside_a_task_is_refused_as_waiting_is(app: KernelQ) -> None:
    async def main() -> None:
        with denied_join_result():
            await app.AsyncResult("i1").aget()

    with pytest.raises(RuntimeError, match="never call result.get"):
        asyncio.run(main())


def test_closing_ends_the_waiting_of_all(app: KernelQ) -> None:
    from kernelq_plugins.results.waiter import close_waiters

    async def main() -> None:
        waiting = asyncio.ensure_future(app.AsyncResult("i1").aget())
        await asyncio.sleep(0)
        await asyncio.to_thread(close_waiters, app)
        with pytest.raises(BackendUnavailable, match="the app was closed"):
            await waiting

    asyncio.run(main())
    store(app, "i1", SUCCESS, 7)
    assert asyncio.run(app.AsyncResult("i1").aget(timeout=30)) == 7
