"""What the Redis backend promises beyond the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kernelq import KernelQ, uuid
from kernelq.contracts import BackendUnavailable, Outcome
from kernelq.errors import BackendGetMetaError
from redis import Redis
from servers import RedisServer


@pytest.fixture
def app(redis_server: RedisServer) -> Iterator[KernelQ]:
    url = f"redis://127.0.0.1:{redis_server.port}/7?prefix={uuid()}"
    with KernelQ("redis", broker=url, backend=url, set_as_current=False) as app:
        yield app


@pytest.fixture
def direct(redis_server: RedisServer) -> Iterator[Redis]:
    """A client of the server, for looking at it."""
    with Redis(port=redis_server.port, db=7) as client:
        yield client


def test_the_server_drops_an_outcome_when_its_time_is_up(app: KernelQ, direct: Redis) -> None:
    app.backend.apply([_success("a", ttl=100.0), _success("b")])

    assert 99_000 < int(str(direct.pttl(_key(app, "a")))) <= 100_000
    assert direct.pttl(_key(app, "b")) == -1


def test_replacing_an_outcome_begins_its_time_anew(app: KernelQ, direct: Redis) -> None:
    app.backend.apply([Outcome(id="a", state="STARTED", ttl=5.0)])

    app.backend.apply([_success("a", ttl=100.0)])

    assert int(str(direct.pttl(_key(app, "a")))) > 99_000


def test_many_outcomes_are_got_by_one_command(app: KernelQ, direct: Redis) -> None:
    app.backend.apply([_success(str(i)) for i in range(100)])
    before = (
        direct.info("commandstats")["cmdstat_mget"]["calls"] if "cmdstat_mget" in direct.info("commandstats") else 0
    )

    assert len(app.backend.get_many([str(i) for i in range(200)])) == 100

    assert direct.info("commandstats")["cmdstat_mget"]["calls"] == before + 1


def test_a_damaged_outcome_is_told_with_its_task(app: KernelQ, direct: Redis) -> None:
    direct.set(_key(app, "a"), "0" * 17 + "\xc1")

    with pytest.raises(BackendGetMetaError, match="'a'") as error:
        app.backend.get_many(["a"])

    assert error.value.task_id == "a"


def test_a_server_that_is_not_there_is_a_backend_that_is_away() -> None:
    with KernelQ(broker="memory://", backend="redis://127.0.0.1:1", set_as_current=False) as app:
        for use in (
            lambda: app.backend.get_many(["a"]),
            lambda: app.backend.apply([_success("a")]),
            lambda: app.backend.forget(["a"]),
        ):
            with pytest.raises(BackendUnavailable, match="127.0.0.1:1"):
                use()


def test_ten_thousand_tasks_are_awaited_at_once(app: KernelQ) -> None:
    ids = [str(i) for i in range(10_000)]
    with app.backend.watch(ids) as watch:
        assert watch.changes(0.1) == []
        for start in range(0, 10_000, 1000):
            app.backend.apply([_success(id) for id in ids[start : start + 1000]])

        seen: set[str] = set()
        while len(seen) < 10_000:
            changes = watch.changes(30)
            assert changes
            seen.update(outcome.id for outcome in changes)


def _success(id: str, ttl: float | None = None) -> Outcome:
    return Outcome(id=id, state="SUCCESS", ttl=ttl)


def _key(app: KernelQ, id: str) -> str:
    assert app.backend_url is not None
    return f"{{{app.backend_url.partition('prefix=')[2]}}}:result:{id}"
