"""Results over real servers: many at once, awaited, called back, kept as groups, and gone in time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernelq import GroupResult, KernelQ, ResultSet, allow_join_result, uuid
from kernelq.contracts import FAILURE, SUCCESS, Outcome
from kernelq.errors import TimeoutError
from kernelq.exceptions import NotKept
from kernelq.testing import start_worker
from kernelq_plugins.results.waiter import close_waiters
from waiting import until

PATIENCE = 30.0


@pytest.fixture(params=["sqlite", "redis", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/results.sqlite3"
    if request.param == "redis":
        return f"{request.getfixturevalue('redis_server').url}?prefix={uuid()}"
    return str(request.getfixturevalue("postgres_server").fresh(uuid()))


@pytest.fixture
def app(url: str) -> Iterator[KernelQ]:
    with KernelQ("results", broker=url, backend=url, set_as_current=False) as app:
        yield app
        close_waiters(app)


@pytest.fixture
def elsewhere(url: str) -> Iterator[KernelQ]:
    """The same project in another place: nothing in common but the server."""
    with KernelQ("results", broker=url, backend=url, set_as_current=False) as app:
        yield app


def end(app: KernelQ, *ids: str, state: str = SUCCESS, **fields: Any) -> None:
    """Store an end of tasks, with their place as the value."""
    dumps = app.serializer("json").dumps
    app.backend.apply([Outcome(id=id, state=state, value=dumps(i), **fields) for i, id in enumerate(ids)])


def test_a_group_of_tasks_gives_its_values_in_order(app: KernelQ) -> None:
    @app.task(name="double")
    def double(i: int) -> int:
        if i < 0:
            raise ValueError("negative")
        return 2 * i

    with start_worker(app):
        group = GroupResult[int](None, [double.delay(i) for i in range(50)], app=app)
        assert group.get(timeout=PATIENCE) == [2 * i for i in range(50)]
        assert (group.ready(), group.successful(), group.completed_count()) == (True, True, 50)

        mixed = ResultSet[int]([double.delay(1), double.delay(-1)], app=app)
        with pytest.raises(ValueError, match="negative"):
            mixed.get(timeout=PATIENCE)
        assert mixed.join(timeout=PATIENCE, propagate=False)[0] == 2
        assert (mixed.ready(), mixed.failed(), mixed.completed_count()) == (True, True, 1)

        group.forget()
        assert not group.ready()


def test_a_thousand_results_are_awaited_at_once(app: KernelQ, elsewhere: KernelQ) -> None:
    ids = [uuid() for _ in range(1000)]

    async def main() -> list[Any]:
        waiting = asyncio.gather(*(app.AsyncResult(id).aget(timeout=PATIENCE) for id in ids))
        await asyncio.to_thread(end, elsewhere, *ids[:500])
        await asyncio.to_thread(end, elsewhere, *ids[500:])
        return await waiting

    assert asyncio.run(main()) == [*range(500), *range(500)]


def test_who_awaits_later_does_not_wait_for_the_others(app: KernelQ, elsewhere: KernelQ) -> None:
    async def main() -> Any:
        never = asyncio.ensure_future(app.AsyncResult(uuid()).aget())
        values = []
        for _ in range(5):
            id = uuid()
            waiting = asyncio.ensure_future(app.AsyncResult(id).aget(timeout=PATIENCE))
            await asyncio.to_thread(end, elsewhere, id)
            values.append(await waiting)
        never.cancel()
        return values

    began = time.monotonic()
    assert asyncio.run(main()) == [0] * 5
    assert time.monotonic() - began < 10


def test_a_callback_is_called_when_the_task_ends_elsewhere(app: KernelQ, elsewhere: KernelQ) -> None:
    rung, called = threading.Event(), list[Any]()
    result = app.AsyncResult(uuid())
    result.then(lambda ready: (called.append(ready.result), rung.set()))

    end(elsewhere, result.id)

    assert rung.wait(PATIENCE)
    assert called == [0]


def test_many_threads_wait_for_one_group(app: KernelQ, elsewhere: KernelQ) -> None:
    ids = [uuid() for _ in range(10)]
    group = app.GroupResult(None, [app.AsyncResult(id) for id in ids])
    values: list[Any] = []
    threads = [threading.Thread(target=lambda: values.append(group.get(timeout=PATIENCE))) for _ in range(8)]
    for thread in threads:
        thread.start()

    end(elsewhere, *ids)
    for thread in threads:
        thread.join(PATIENCE)

    assert values == [list(range(10))] * 8


def test_a_saved_group_is_found_elsewhere(app: KernelQ, elsewhere: KernelQ) -> None:
    group = app.GroupResult(uuid(), [app.AsyncResult(uuid()), app.AsyncResult(uuid())])
    group.save()
    group.add(app.AsyncResult(uuid()))
    group.save()

    restored = elsewhere.GroupResult.restore(group.id)

    assert restored == group
    assert restored is not None
    end(app, *[result.id for result in group])
    assert restored.get(timeout=PATIENCE) == [0, 1, 2]
    restored.delete()
    assert app.GroupResult.restore(group.id) is None


def test_a_result_is_gone_when_its_time_is_up(app: KernelQ) -> None:
    end(app, "short", ttl=0.5)
    end(app, "long", ttl=500.0)
    short, long = app.AsyncResult("short"), app.AsyncResult("long")

    assert until(lambda: not app.AsyncResult("short").exists())
    assert long.exists()
    assert (short.state, short.exists()) == ("PENDING", False)


def test_the_first_success_stays_whoever_writes_later(app: KernelQ, elsewhere: KernelQ) -> None:
    end(app, "first")

    end(elsewhere, "other", "first", fence=5)
    end(elsewhere, "first", state=FAILURE, fence=9)

    assert app.AsyncResult("first").get(timeout=PATIENCE) == 0


def test_a_task_that_waits_for_another_where_that_is_allowed(app: KernelQ) -> None:
    @app.task(name="inner")
    def inner() -> int:
        return 7

    @app.task(name="outer")
    def outer() -> int:
        with allow_join_result():
            return inner.delay().get(timeout=PATIENCE)

    with start_worker(app, concurrency=2, pool="threads"):
        assert outer.delay().get(timeout=PATIENCE) == 7


def test_replies_are_awaited_and_joined_but_no_group_is_kept(rabbit_server: Any) -> None:
    with KernelQ("rpc", broker=rabbit_server.url, backend="rpc://", set_as_current=False) as app:

        @app.task(name="double", queue=f"double-{uuid()}")
        def double(i: int) -> int:
            return 2 * i

        with start_worker(app, queues=[str(double.queue)]):
            results = app.ResultSet([double.delay(i) for i in range(20)])
            assert results.get(timeout=PATIENCE) == [2 * i for i in range(20)]

            async def main() -> list[Any]:
                first = asyncio.ensure_future(double.delay(1).aget(timeout=PATIENCE))
                later = [double.delay(i).aget(timeout=PATIENCE) for i in range(50)]
                return [await first, *await asyncio.gather(*later)]

            assert asyncio.run(main()) == [2, *(2 * i for i in range(50))]

        close_waiters(app)
        with pytest.raises(NotKept):
            app.GroupResult(None, []).save()
        with pytest.raises(TimeoutError):
            app.AsyncResult(uuid()).get(timeout=0.01)
