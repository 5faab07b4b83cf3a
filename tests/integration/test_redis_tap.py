"""A thread that waits for one outcome alone hears of it by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kernelq import KernelQ, uuid
from kernelq.contracts import Outcome
from kernelq.testing import Proxy
from redis import Redis
from servers import RedisServer
from waiting import until


@pytest.fixture
def app(redis_server: RedisServer) -> Iterator[KernelQ]:
    with _app(redis_server.url) as app:
        yield app


@pytest.fixture
def direct(redis_server: RedisServer) -> Iterator[Redis]:
    """A client of the server, for looking at it."""
    with Redis(port=redis_server.port, decode_responses=True) as client:
        yield client


def test_waiting_for_one_outcome_takes_one_round_trip_and_no_thread(app: KernelQ, direct: Redis) -> None:
    _hear(app, direct, "warm")
    before = direct.info("commandstats")

    assert _hear(app, direct, "a") == ["SUCCESS"]

    after = direct.info("commandstats")
    assert {name: _calls(after, name) - _calls(before, name) for name in ("subscribe", "get", "mget")} == {
        "subscribe": 1,
        "get": 1,
        "mget": 0,
    }
    assert "redis-bell" not in {thread.name for thread in threading.enumerate()}


def test_an_outcome_that_is_there_already_is_seen_at_once(app: KernelQ) -> None:
    app.backend.apply([_outcome("a", "SUCCESS")])

    with app.backend.watch(["a"]) as watch:
        assert [outcome.state for outcome in watch.changes(30)] == ["SUCCESS"]


def test_each_state_on_the_way_is_heard(app: KernelQ) -> None:
    with app.backend.watch(["a"]) as watch:
        assert watch.changes(0.01) == []
        for state in ("STARTED", "RETRY", "SUCCESS"):
            app.backend.apply([_outcome("a", state)])
            assert [outcome.state for outcome in watch.changes(30)] == [state]


def test_what_is_said_of_the_task_before_is_not_taken_for_this_one(app: KernelQ) -> None:
    with app.backend.watch(["a"]) as watch:
        assert watch.changes(0.01) == []
    app.backend.apply([_outcome("a", "STARTED"), _outcome("b", "SUCCESS")])

    with app.backend.watch(["b"]) as watch:
        assert [outcome.id for outcome in watch.changes(30)] == ["b"]


def test_a_long_outcome_is_read(app: KernelQ, direct: Redis) -> None:
    with app.backend.watch(["a"]) as watch:
        assert watch.changes(0.01) == []
        app.backend.apply([Outcome(id="a", state="SUCCESS", value=b"x" * 100_000)])

        assert [outcome.value for outcome in watch.changes(30)] == [b"x" * 100_000]


def test_who_waits_while_another_does_hears_it_from_the_bell(app: KernelQ) -> None:
    with app.backend.watch(["a"]) as first, app.backend.watch(["b"]) as second:
        assert first.changes(0.01) == second.changes(0.01) == []
        app.backend.apply([_outcome("a", "SUCCESS"), _outcome("b", "SUCCESS")])

        assert [outcome.id for outcome in second.changes(30)] == ["b"]
        assert [outcome.id for outcome in first.changes(30)] == ["a"]


@pytest.mark.parametrize("break_it", ["reset", "kill"])
def test_a_connection_that_breaks_while_one_waits_costs_no_outcome(
    redis_server: RedisServer, direct: Redis, break_it: str
) -> None:
    with Proxy("127.0.0.1", redis_server.port) as proxy, _app(proxy.url(redis_server.url)) as app:
        found: list[str] = []
        waiter = _waiting(app, "a", found)
        until(lambda: _is_heard(app, direct, "a"))

        if break_it == "reset":
            proxy.reset()
        else:
            direct.client_kill_filter(_type="pubsub")
        app.backend.get_many(["a"])
        with _app(app.backend_url or "") as other:
            other.backend.apply([_outcome("a", "SUCCESS")])
        waiter.join(60)

        assert found == ["SUCCESS"]


def test_silence_is_ended_by_a_look(app: KernelQ, direct: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernelq_plugins.engine_redis.tap.ASK_EVERY", 0.05)
    with app.backend.watch(["a"]) as watch:
        assert watch.changes(0.2) == []
        with _app(app.broker_url.partition("?")[0]) as other:
            other.backend.apply([_outcome("a", "SUCCESS")])
            direct.copy(_key(other, "a"), _key(app, "a"))  # of which nobody is told

        assert [outcome.state for outcome in watch.changes(30)] == ["SUCCESS"]


def test_a_user_who_may_not_greet_is_told_by_the_bell(redis_server: RedisServer, direct: Redis) -> None:
    user = f"plain-{uuid()}"
    direct.acl_setuser(
        user, enabled=True, passwords=["+secret"], keys=["*"], categories=["+@all"], commands=["-hello"], channels=["*"]
    )
    with _app(redis_server.url.replace("//", f"//{user}:secret@")) as app:
        found: list[str] = []
        waiter = _waiting(app, "a", found)
        until(lambda: _is_heard(app, direct, "a"))
        app.backend.apply([_outcome("a", "SUCCESS")])
        waiter.join(60)

        assert found == ["SUCCESS"]
    direct.acl_deluser(user)


def _app(url: str) -> KernelQ:
    url = url if "prefix=" in url else f"{url}?prefix={uuid()}"
    return KernelQ("redis", broker=url, backend=url, set_as_current=False)


def _outcome(id: str, state: str) -> Outcome:
    return Outcome(id=id, state=state)


def _key(app: KernelQ, id: str) -> str:
    return f"{{{(app.backend_url or '').partition('prefix=')[2]}}}:result:{id}"


def _calls(stats: dict[str, Any], command: str) -> int:
    found: int = stats.get(f"cmdstat_{command}", {}).get("calls", 0)
    return found


def _is_heard(app: KernelQ, direct: Redis, id: str) -> bool:
    return bool(direct.pubsub_channels(_key(app, id)))


def _hear(app: KernelQ, direct: Redis, id: str) -> list[str]:
    found: list[str] = []
    waiter = _waiting(app, id, found)
    until(lambda: _is_heard(app, direct, id))
    app.backend.apply([_outcome(id, "SUCCESS")])
    waiter.join(60)
    return found


def _waiting(app: KernelQ, id: str, found: list[str]) -> threading.Thread:
    thread = threading.Thread(target=_await, args=(app, id, found.append))
    thread.start()
    return thread


def _await(app: KernelQ, id: str, tell: Callable[[str], Any]) -> None:
    with app.backend.watch([id]) as watch:
        while not (outcomes := watch.changes(30)):
            pass
        for outcome in outcomes:
            tell(outcome.state)
