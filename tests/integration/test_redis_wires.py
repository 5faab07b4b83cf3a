"""The bare path of a call on Redis, and several calls in one round trip."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from call_counts import calls_of
from kernelq import KernelQ, uuid
from kernelq.contracts import BrokerError, BrokerUnavailable, Outcome
from kernelq.redis import Call, Script
from kernelq.testing import Proxy
from kernelq_plugins.engine_redis import wires
from kernelq_plugins.engine_redis.engine import RedisEngine
from kernelq_plugins.engine_redis.space import RedisSpace
from redis import Redis
from servers import RedisServer
from waiting import until

NOTE = Script("redis.call('RPUSH', KEYS[1] .. 'notes', ARGV[2] .. ARGV[1]) return ARGV[2]")
"""Notes its argument, and after it whether it is repeated."""

ECHO = Script("return ARGV[2]")
WRONG = Script("return redis.call('INCR', KEYS[1] .. 'notes')")


@pytest.fixture(params=["bare", "library"])
def space(redis_server: RedisServer, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A space of its own, on both ways to the server."""
    if request.param == "library":
        monkeypatch.setattr("kernelq_plugins.engine_redis.engine.can_be_bare", lambda: False)
    with _engine(redis_server.url) as engine:
        yield engine.space(f"{redis_server.url}?prefix={uuid()}", {})


@pytest.fixture
def direct(redis_server: RedisServer) -> Iterator[Redis]:
    """A client of the server, for looking at it."""
    with Redis(port=redis_server.port, decode_responses=True) as client:
        yield client


def test_several_scripts_answer_in_order(space: RedisSpace) -> None:
    assert space.run_many([Call(NOTE, ["a"]), Call(ECHO, ["b"]), Call(NOTE, ["c"], repeated=True)]) == [
        b"a",
        b"b",
        b"c",
    ]
    assert _notes(space) == [b"a0", b"c1"]
    assert space.run_many([]) == []


def test_a_script_that_fails_keeps_no_other_from_running(space: RedisSpace) -> None:
    first, wrong, last = space.run_many([Call(NOTE, ["a"]), Call(WRONG), Call(NOTE, ["b"])])

    assert (first, last) == (b"a", b"b")
    assert isinstance(wrong, BrokerError)
    assert "WRONGTYPE" in str(wrong)


def test_scripts_the_server_forgot_are_sent_with_their_text(space: RedisSpace, direct: Redis) -> None:
    space.run(NOTE, ["a"])
    direct.script_flush()

    assert space.run_many([Call(ECHO, ["b"]), Call(NOTE, ["b"])]) == [b"b", b"b"]
    direct.script_flush()
    assert space.run(NOTE, ["c"]) == b"c"
    assert _notes(space) == [b"a0", b"b0", b"c0"]


def test_what_lost_its_answer_is_repeated_if_it_may_be(redis_server: RedisServer) -> None:
    with _far(redis_server) as (space, proxy):
        space.run(NOTE, ["a"])
        proxy.cut_reply(b"EVALSHA")

        answer, lost, last = space.run_many([Call(NOTE, ["b"]), Call(NOTE, ["c"], may_repeat=False), Call(NOTE, ["d"])])

        assert (answer, last) == (b"b", b"d")
        assert isinstance(lost, BrokerUnavailable)
        assert _notes(space) == [b"a0", b"b0", b"c0", b"d0", b"b1", b"d1"]


def test_what_was_answered_before_the_connection_broke_is_not_repeated(redis_server: RedisServer) -> None:
    with _far(redis_server) as (space, proxy):
        space.run_many([Call(NOTE, ["a"]), Call(ECHO, ["a"])])
        proxy.reset_inside(len(b"$1\r\nb\r\n"), b"EVALSHA")

        assert space.run_many([Call(NOTE, ["b"]), Call(NOTE, ["c"])]) == [b"b", b"c"]
        assert _notes(space) == [b"a0", b"b0", b"c0", b"c1"]


def test_a_call_that_is_not_answered_in_time_fails_and_its_answer_reaches_nobody(redis_server: RedisServer) -> None:
    with _far(redis_server, "&socket_timeout=2") as (space, proxy):
        assert space.run(ECHO, ["a"]) == b"a"
        proxy.hole("down")

        with pytest.raises(BrokerUnavailable, match="no answer"):
            space.run(ECHO, ["b"])
        [lost] = space.run_many([Call(ECHO, ["c"])])
        proxy.heal()

        assert isinstance(lost, BrokerUnavailable)
        assert space.run(ECHO, ["d"]) == b"d"


def test_a_restart_between_two_calls_is_seen_before_anything_is_sent(tmp_path: Any) -> None:
    with RedisServer(tmp_path) as server, _engine(server.url) as engine:
        space = engine.space(server.url, {})
        space.run(NOTE, ["a"], may_repeat=False)

        server.restart()

        assert space.run(NOTE, ["b"], may_repeat=False) == b"b"
        assert _notes(space)[-1] == b"b0"


def test_a_connection_that_rested_is_asked_whether_it_lives(redis_server: RedisServer, direct: Redis) -> None:
    with _far(redis_server, "&socket_timeout=2&health_check_interval=0.001") as (space, proxy):
        space.run(ECHO, ["a"])
        space.engine._wires[0]._free[0].used_at -= 1  # type: ignore[union-attr]  # a bare one
        pings = direct.info("commandstats")["cmdstat_ping"]["calls"]

        assert space.run(ECHO, ["b"]) == b"b"
        assert direct.info("commandstats")["cmdstat_ping"]["calls"] == pings + 1

        space.engine._wires[0]._free[0].used_at -= 1  # type: ignore[union-attr]
        proxy.hole("down")
        with pytest.raises(BrokerUnavailable):
            space.run(NOTE, ["c"])
        proxy.heal()
        assert _notes(space) == []


@pytest.mark.parametrize("size", [1, 65_530, 65_536, 5_000_000])
def test_an_answer_of_any_size_is_read_whole(space: RedisSpace, size: int) -> None:
    assert space.run(ECHO, ["x" * size]) == b"x" * size


def test_an_error_leaves_the_connection_in_use(redis_server: RedisServer, direct: Redis) -> None:
    with _engine(redis_server.url) as engine:
        space = engine.space(redis_server.url, {})
        space.run(NOTE, ["a"])
        before = direct.info("stats")["total_connections_received"]

        with pytest.raises(BrokerError, match="WRONGTYPE"):
            space.run(WRONG)

        assert space.run(ECHO, ["b"]) == b"b"
        assert direct.info("stats")["total_connections_received"] == before


def test_a_connection_that_an_exception_interrupted_is_not_used_again(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _engine(redis_server.url) as engine:
        space = engine.space(redis_server.url, {})
        space.run(ECHO, ["a"])
        [wire] = engine._wires[0]._free  # type: ignore[union-attr]  # a bare one
        with monkeypatch.context() as patch:
            patch.setattr(wires.Wire, "_hear", _interrupt)
            with pytest.raises(KeyboardInterrupt):
                space.run(ECHO, ["b"])

        assert space.run(ECHO, ["c"]) == b"c"
        assert wire not in engine._wires[0]._free  # type: ignore[union-attr]


def test_many_threads_get_each_its_own_answers(redis_server: RedisServer, direct: Redis) -> None:
    with _engine(f"{redis_server.url}?max_connections=3") as engine:
        space = engine.space(redis_server.url, {})
        before = direct.info("clients")["connected_clients"]
        wrong: list[Any] = []
        threads = [threading.Thread(target=_echo, args=(space, f"{i}".encode(), wrong.append)) for i in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        assert not wrong
        assert direct.info("clients")["connected_clients"] <= before + 3


def test_a_forked_child_has_connections_of_its_own(redis_server: RedisServer, direct: Redis) -> None:
    with KernelQ(broker=f"{redis_server.url}?prefix={uuid()}", set_as_current=False) as app:
        app.broker.queues()
        before = direct.info("stats")["total_connections_received"]

        child = multiprocessing.get_context("fork").Process(target=app.broker.queues)
        child.start()
        child.join(30)

        assert child.exitcode == 0
        assert direct.info("stats")["total_connections_received"] == before + 1
        assert app.broker.queues() == []
        assert direct.info("stats")["total_connections_received"] == before + 1


def test_closing_interrupts_a_call(redis_server: RedisServer) -> None:
    with _far(redis_server) as (space, proxy):
        space.run(ECHO, ["a"])
        proxy.hole("down")
        errors: list[BrokerError] = []
        thread = threading.Thread(target=_collect, args=(space, errors))
        thread.start()
        until(lambda: not space.engine._wires[0]._free, "the call to be on its way")  # type: ignore[union-attr]

        space.engine.close()
        proxy.refuse()
        thread.join(30)

        assert not thread.is_alive()
        assert len(errors) == 1


def test_a_call_is_one_packet_and_few_function_calls(redis_server: RedisServer) -> None:
    with _engine(redis_server.url) as engine:
        space = engine.space(redis_server.url, {})
        space.run_many([Call(ECHO, ["a"]), Call(NOTE, ["a"])])

        one = calls_of(lambda: space.run(ECHO, ["b"]))
        three = calls_of(lambda: space.run_many([Call(ECHO, ["b"]), Call(NOTE, ["b"]), Call(ECHO, ["b"])]))

    assert one["sendall"] == three["sendall"] == 1
    assert sum(one.values()) <= 25


def test_a_delay_is_one_round_trip_of_few_function_calls_and_none_of_the_library(redis_server: RedisServer) -> None:
    url = f"{redis_server.url}?prefix={uuid()}"
    with KernelQ("redis", broker=url, backend=url, set_as_current=False) as app:
        task = app.task(_add, name="tests.add")
        for _ in range(2):
            task.delay(1, 2)

        calls = calls_of(lambda: task.delay(1, 2))

    assert (calls["sendall"], calls["recv"]) == (1, 1)
    assert not {"get_connection", "release", "execute_command", "send_command", "read_response"} & calls.keys()
    assert sum(calls.values()) <= 80, calls  # 67 when this was written


def test_waiting_for_the_result_of_a_delay_is_few_function_calls(redis_server: RedisServer) -> None:
    url = f"{redis_server.url}?prefix={uuid()}"
    with KernelQ("redis", broker=url, backend=url, set_as_current=False) as app:
        for id in ("a", "b"):
            app.backend.apply([Outcome(id=id, state="SUCCESS", value=b"1", content_type="application/json")])
        assert app.AsyncResult("a").get(30) == 1

        calls = calls_of(lambda: app.AsyncResult("b").get(30))

    assert calls["sendall"] == 1
    assert "poll" not in calls
    assert sum(calls.values()) <= 160, calls


def _add(first: int, second: int) -> int:
    return first + second


def _interrupt(*args: Any) -> None:
    raise KeyboardInterrupt


def _echo(space: RedisSpace, word: bytes, is_wrong: Callable[[Any], None]) -> None:
    for i in range(200):
        answers = space.run_many([Call(ECHO, [word]), Call(ECHO, [i])]) if i % 2 else [space.run(ECHO, [word])]
        if answers != ([word, b"%d" % i] if i % 2 else [word]):
            is_wrong(answers)


def _collect(space: RedisSpace, errors: list[BrokerError]) -> None:
    try:
        space.run(ECHO, ["b"], may_repeat=False)
    except BrokerError as error:
        errors.append(error)


def _notes(space: RedisSpace) -> list[bytes]:
    notes: list[bytes] = space.call("LRANGE", space.key("notes"), 0, -1)
    return notes


class _engine:
    """An engine that is closed at the end."""

    def __init__(self, url: str) -> None:
        self.engine = RedisEngine(url)

    def __enter__(self) -> RedisEngine:
        return self.engine

    def __exit__(self, *error: object) -> None:
        self.engine.close()


class _far:
    """A space whose server is behind a proxy."""

    def __init__(self, server: RedisServer, options: str = "") -> None:
        self.proxy = Proxy("127.0.0.1", server.port)
        self.url = f"{server.url}?prefix={uuid()}{options}"

    def __enter__(self) -> tuple[RedisSpace, Proxy]:
        self.proxy.__enter__()
        url = self.proxy.url(self.url)
        self.engine = RedisEngine(url)
        return self.engine.space(url, {}), self.proxy

    def __exit__(self, *error: object) -> None:
        self.engine.close()
        self.proxy.__exit__(*error)
