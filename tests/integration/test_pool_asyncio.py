"""A worker with the pool of coroutines: how many run at once, their limits, and what a stop does to those that run."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from kernelq import KernelQ, Task
from kernelq.contracts import TimeLimitExceeded
from kernelq.errors import SoftTimeLimitExceeded
from kernelq.pools import Stop
from kernelq.testing import start_worker

PATIENCE = 10.0
"""Seconds a test waits for what must come."""


@pytest.fixture(params=["memory", "sqlite", "redis"])
def app(request: Any, tmp_path: Any) -> Iterator[KernelQ]:
    """An app on each engine."""
    if request.param == "redis":
        url = request.getfixturevalue("redis_server").url
    else:
        url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/q.sqlite3"}[request.param]
    with KernelQ("coroutines", broker=url, backend=url, set_as_current=False) as app:
        app.conf.task_default_queue = f"coroutines-{tmp_path.name}"  # the server is shared by the tests
        yield app


@pytest.fixture
def memory() -> Iterator[KernelQ]:
    """An app in memory, for what does not depend on the engine."""
    with KernelQ("coroutines", broker="memory://", backend="memory://", set_as_current=False) as app:
        yield app


def done(app: KernelQ, results: list[Any], within: float = 60.0) -> list[str]:
    """The states of all, once all have ended."""
    states: dict[str, str] = {}
    deadline = time.monotonic() + within
    with app.backend.watch([result.id for result in results]) as watch:
        while len(states) < len(results) and time.monotonic() < deadline:
            states.update((found.id, found.state) for found in watch.changes(1.0) if found.is_ready)
    return list(states.values())


# --- running


def test_five_thousand_sleepers_sleep_at_once(app: KernelQ) -> None:
    many, inside, most = 5000, 0, 0
    everybody = threading.Event()

    @app.task
    async def sleep() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        if inside == many:
            everybody.set()
        while not everybody.is_set():
            await asyncio.sleep(0.1)
        inside -= 1

    results = sleep.send_many([()] * many)
    with start_worker(app, pool="asyncio", concurrency=many, shutdown_timeout=60):
        states = done(app, results)

    assert states == ["SUCCESS"] * many
    assert most == many


def test_no_more_run_at_once_than_the_concurrency_says(app: KernelQ) -> None:
    inside, most = 0, 0

    @app.task
    async def count() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.005)
        inside -= 1

    results = count.send_many([()] * 30)
    with start_worker(app, pool="asyncio", concurrency=3):
        states = done(app, results)

    assert states == ["SUCCESS"] * 30
    assert most <= 3


def test_coroutines_and_functions_give_results_and_errors(app: KernelQ) -> None:
    @app.task
    async def divide(x: int, y: int) -> float:
        await asyncio.sleep(0)
        return x / y

    @app.task
    def where() -> str:
        return threading.current_thread().name

    with start_worker(app, pool="asyncio", concurrency=10):
        assert divide.delay(6, 3).get(timeout=PATIENCE) == 2
        with pytest.raises(ZeroDivisionError):
            divide.delay(1, 0).get(timeout=PATIENCE)
        assert where.delay().get(timeout=PATIENCE).startswith("slot")


def test_more_functions_than_threads_all_run(app: KernelQ) -> None:
    app.conf.worker_asyncio_threads = 2

    @app.task
    def add(x: int) -> int:
        return x + 1

    results = add.send_many([(i,) for i in range(50)])
    with start_worker(app, pool="asyncio", concurrency=100):
        assert [result.get(timeout=PATIENCE) for result in results] == list(range(1, 51))


def test_each_coroutine_has_context_variables_of_its_own(memory: KernelQ) -> None:
    mine: ContextVar[str] = ContextVar("mine", default="nobody's")

    @memory.task(bind=True)
    async def look(self: Any) -> list[str]:
        before = mine.get()
        mine.set(self.request.id)
        await asyncio.sleep(0.01)
        return [before, mine.get()]

    results = [look.delay() for _ in range(20)]
    with start_worker(memory, pool="asyncio", concurrency=20):
        assert [result.get(timeout=PATIENCE) for result in results] == [["nobody's", one.id] for one in results]


@pytest.mark.parametrize("options", [{"track_started": True}, {"acks_late": False}], ids=str)
def test_a_task_that_needs_round_trips_does_not_hold_the_loop(app: KernelQ, options: dict[str, Any]) -> None:
    threads: set[str] = set()
    app.broker  # noqa: B018  (made here, before it is looked at)
    apply = app.backend.apply

    def watched(ops: Any) -> Any:
        threads.add(threading.current_thread().name)
        return apply(ops)

    app.backend.apply = watched  # type: ignore[method-assign]

    @app.task(bind=True, **options)
    async def echo(self: Any, value: int) -> list[Any]:
        await asyncio.sleep(0)
        return [value, self.request.id]

    results = echo.send_many([(i,) for i in range(20)])
    with start_worker(app, pool="asyncio", concurrency=20):
        assert [r.get(timeout=PATIENCE) for r in results] == [[i, one.id] for i, one in enumerate(results)]

    assert threads
    assert "event-loop" not in threads


def test_a_handler_sees_its_outcome_stored_and_not_on_the_loop(app: KernelQ) -> None:
    seen: list[tuple[str, str, bool]] = []

    class Seeing(Task[Any, Any]):
        def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
            is_here = self.request.id == task_id
            seen.append((self.AsyncResult(task_id).state, threading.current_thread().name[:5], is_here))

    @app.task(base=Seeing)
    async def work() -> None:
        await asyncio.sleep(0)

    with start_worker(app, pool="asyncio", concurrency=5):
        done(app, [work.delay() for _ in range(5)], PATIENCE)

    assert seen == [("SUCCESS", "aside", True)] * 5


# --- limits


def test_a_soft_limit_is_raised_where_the_coroutine_waits(memory: KernelQ) -> None:
    @memory.task(soft_time_limit=0.5)
    async def slow(catches: bool) -> str:
        try:
            await asyncio.gather(asyncio.sleep(60), asyncio.sleep(60))
        except SoftTimeLimitExceeded:
            if not catches:
                raise
        return "cleaned up"

    with start_worker(memory, pool="asyncio", concurrency=2):
        assert slow.delay(True).get(timeout=PATIENCE) == "cleaned up"
        with pytest.raises(SoftTimeLimitExceeded):
            slow.delay(False).get(timeout=PATIENCE)


@pytest.mark.parametrize("acks_late", [True, False])
def test_a_hard_limit_cancels_and_fails(app: KernelQ, acks_late: bool) -> None:
    cancelled = threading.Event()

    @app.task(time_limit=0.5, acks_late=acks_late, autoretry_for=(Exception,))
    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with start_worker(app, pool="asyncio", concurrency=2):
        result = slow.delay()
        with pytest.raises(TimeLimitExceeded):
            result.get(timeout=PATIENCE)

    assert cancelled.wait(PATIENCE)
    assert result.reason == "timed_out"


def test_the_failure_of_a_hard_limit_waits_for_no_clean_up(memory: KernelQ) -> None:
    go = threading.Event()

    @memory.task(time_limit=0.5)
    async def stubborn() -> str:
        while not go.is_set():
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                pass
        return "too late"

    with start_worker(memory, pool="asyncio", concurrency=2):
        result = stubborn.delay()
        with pytest.raises(TimeLimitExceeded):
            result.get(timeout=PATIENCE)
        go.set()

    assert result.state == "FAILURE"


def test_a_coroutine_that_cancels_itself_fails(memory: KernelQ) -> None:
    @memory.task
    async def bad() -> None:
        raise asyncio.CancelledError

    with start_worker(memory, pool="asyncio", concurrency=2):
        assert done(memory, [bad.delay()], PATIENCE) == ["FAILURE"]


# --- stops and outages


def test_a_warm_stop_lets_running_tasks_finish(app: KernelQ) -> None:
    begun, go = threading.Event(), threading.Event()

    @app.task
    async def slow() -> str:
        begun.set()
        while not go.is_set():
            await asyncio.sleep(0.01)
        return "done"

    result = slow.delay()
    with start_worker(app, pool="asyncio", concurrency=2) as worker:
        assert begun.wait(PATIENCE)
        worker.stop()
        go.set()

    assert result.get(timeout=1) == "done"


def test_a_quick_stop_cancels_coroutines_and_gives_their_messages_back(app: KernelQ) -> None:
    begun, ends = threading.Event(), []

    @app.task
    async def slow() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ends.append("cleaned up")

    result = slow.delay()
    with start_worker(app, pool="asyncio", concurrency=2) as worker:
        assert begun.wait(PATIENCE)
        worker.stop(Stop.QUICK)

    assert ends == ["cleaned up"]
    assert result.state == "PENDING"
    assert [queue.ready for queue in app.broker.queues() if queue.name == app.conf.task_default_queue] == [1]


def test_a_broker_that_restarts_costs_no_task(tmp_path: Any) -> None:
    from servers import RedisServer

    begun, go = threading.Semaphore(0), threading.Event()
    with RedisServer(tmp_path / "redis") as server:
        app = KernelQ("t", broker=server.url, backend=server.url, set_as_current=False)

        @app.task
        async def slow(x: int) -> int:
            begun.release()
            while not go.is_set():
                await asyncio.sleep(0.01)
            return x

        results = slow.send_many([(i,) for i in range(20)])
        with start_worker(app, pool="asyncio", concurrency=20):
            for _ in range(20):
                assert begun.acquire(timeout=PATIENCE)
            server.kill()
            go.set()
            server.start()

            assert [result.get(timeout=30) for result in results] == list(range(20))
        app.close()


# --- coroutines in the other pools


@pytest.mark.parametrize("pool", ["solo", "threads", "prefork"])
def test_coroutines_run_in_every_pool(pool: str, tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/q.sqlite3"
    with KernelQ("t", broker=url, backend=url, set_as_current=False) as app:

        @app.task(bind=True)
        async def echo(self: Any, value: int) -> list[Any]:
            await asyncio.sleep(0.001)
            return [value, self.request.id]

        results = echo.send_many([(i,) for i in range(20)])
        with start_worker(app, pool=pool, concurrency=2):
            assert [r.get(timeout=PATIENCE) for r in results] == [[i, one.id] for i, one in enumerate(results)]


def test_a_soft_limit_in_a_child_is_raised_where_the_coroutine_waits(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/q.sqlite3"
    with KernelQ("t", broker=url, backend=url, set_as_current=False) as app:

        @app.task(soft_time_limit=1.0)
        async def slow() -> str:
            try:
                await asyncio.sleep(60)
            except SoftTimeLimitExceeded:
                return "cleaned up"
            return "never"

        with start_worker(app, pool="prefork", concurrency=1):
            assert slow.delay().get(timeout=PATIENCE) == "cleaned up"
            assert slow.delay().get(timeout=PATIENCE) == "cleaned up"


def test_limits_of_a_function_are_not_kept_and_the_worker_says_so(memory: KernelQ, caplog: Any) -> None:
    @memory.task(time_limit=60)
    def add(x: int) -> int:
        return x + 1

    with start_worker(memory, pool="asyncio", concurrency=2):
        assert add.delay(1).get(timeout=PATIENCE) == 2

    assert "add are not kept: it is no coroutine" in caplog.text
