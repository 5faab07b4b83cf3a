"""What the Redis store of workflows promises beyond the contract: commands, expiry, databases, full memory, lost answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import kernelq_plugins.engine_redis
import pytest
from kernelq import KernelQ, uuid
from kernelq.contracts import BackendUnavailable, Consumer, Delivery, Effect, Message, Outcome, Transition, pack
from kernelq.testing import Proxy
from kernelq.workflows import DONE, FAILED, FIRED, WAITING, Arrive, Close, Drop, Forget, Join, Keep, Open, Reopen
from kernelq_plugins.workflows_redis.store import RedisWorkflowStore
from redis import Redis
from servers import RedisServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server whose settings tests may change."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def app(server: RedisServer) -> Iterator[KernelQ]:
    """Broker and backend in two databases."""
    url = f"redis://127.0.0.1:{server.port}/%d?prefix={uuid()}"
    with KernelQ("redis", broker=url % 1, backend=url % 2, set_as_current=False) as app:
        yield app


@pytest.fixture(params=["in the broker's database", "in another one"])
def store(request: pytest.FixtureRequest, app: KernelQ) -> RedisWorkflowStore:
    url = app.broker_url if request.param == "in the broker's database" else app.backend_url
    assert url is not None
    return RedisWorkflowStore(app, url)


@pytest.fixture
def direct(server: RedisServer, store: RedisWorkflowStore) -> Iterator[Redis]:
    """A client of the server in the store's database, for looking at it."""
    with Redis(port=server.port, db=store._space.db, decode_responses=True) as client:
        yield client
        client.config_set("maxmemory", "0")


@pytest.fixture
def consumer(app: KernelQ) -> Iterator[Consumer]:
    with closing(app.broker.consumer(["q"], id="c", lease=60)) as consumer:
        yield consumer


# --- commands


def test_an_arrival_takes_as_many_commands_however_many_members_there_are(
    store: RedisWorkflowStore, direct: Redis
) -> None:
    counted = []
    for size in (3, 20_000):
        join = f"join-{size}"
        store.apply([_open(join, size=size)])
        store.apply([Arrive(join=join, place=i, part=b"part") for i in range(size - 2)])
        counted.append(_calls_of(direct, lambda join=join, size=size: store.apply([_arrive(join, size - 2)])))

    assert counted[0] == counted[1]
    assert sum(counted[0].values()) == 4  # the script, and three commands in it


def test_a_join_of_many_fires_once_and_gives_its_parts_in_order(store: RedisWorkflowStore) -> None:
    size = 10_000
    store.apply([_open("join", size=size)])

    fired = [
        message
        for start in range(0, size, 500)
        for message in store.apply(
            [Arrive(join="join", place=i, part=b"%d" % i) for i in range(size - 1 - start, size - 501 - start, -1)]
        )
    ]

    assert fired == [_message("join")]
    assert store.parts("join", 0, size) == [b"%d" % i for i in range(size)]
    assert store.parts("join", size - 2, size + 1) == [b"%d" % (size - 2), b"%d" % (size - 1), None]


def test_members_are_settled_and_what_follows_is_published_by_one_script(
    app: KernelQ, store: RedisWorkflowStore, consumer: Consumer, direct: Redis
) -> None:
    app.broker.publish([_message(str(i)) for i in range(20)])
    deliveries = consumer.fetch(20, 0)
    store.apply([_open("join", size=19)])
    transitions = [
        Transition(
            delivery=each,
            effects=(Effect(app.backend, Outcome(id=_id(each), state="SUCCESS")), Effect(store, _arrive("join", i))),
        )
        for i, each in enumerate(deliveries)
    ]
    consumer.settle(transitions[19:])  # the server learns the script

    calls = _calls_of(direct, lambda: consumer.settle(transitions[:19]))

    assert calls["evalsha"] == 1
    [last] = consumer.fetch(9, 0)
    assert last.message == _message("join")


def test_a_message_fires_with_its_queue_priority_and_eta(
    app: KernelQ, store: RedisWorkflowStore, consumer: Consumer
) -> None:
    store.apply([Open(join="late", message=_message("late", eta=4e9), size=1)])
    store.apply([Open(join="soon", message=_message("soon", priority=99), size=1)])
    app.broker.publish([_message("a"), _message("b"), _message("ordinary", priority=3)])
    found = {_id(each): each for each in consumer.fetch(9, 0)}

    consumer.settle(
        [
            Transition(delivery=found["a"], effects=(Effect(store, _arrive("late", 0)),)),
            Transition(delivery=found["b"], effects=(Effect(store, _arrive("soon", 0)),)),
        ]
    )
    app.broker.publish([_message("next", priority=8)])

    assert [_id(each) for each in consumer.fetch(9, 0)] == ["soon", "next"]
    [queue] = app.broker.queues()
    assert queue.delayed == 1


# --- expiry


def test_open_joins_never_expire_and_closed_ones_do_with_all_that_is_theirs(
    store: RedisWorkflowStore, direct: Redis
) -> None:
    store.apply([_open("join", size=3), _arrive("join", 0), _arrive("join", 1, failed=True)])
    keys = [_key(store, f"{kind}:join") for kind in ("join", "parts", "failures")]

    assert [direct.pttl(key) for key in keys] == [-1, -1, -1]

    store.apply([Close(join="join", state=FAILED, ttl=100.0)])

    assert all(99_000 < int(str(direct.pttl(key))) <= 100_000 for key in keys)


def test_a_part_that_comes_first_after_the_end_expires_with_its_join(store: RedisWorkflowStore, direct: Redis) -> None:
    store.apply([_open("join", size=3), Close(join="join", state=FAILED, ttl=100.0)])

    store.apply([_arrive("join", 0, failed=True)])

    for kind in ("parts", "failures"):
        assert 99_000 < int(str(direct.pttl(_key(store, f"{kind}:join")))) <= 100_000


def test_a_join_that_is_reopened_expires_no_more(store: RedisWorkflowStore, direct: Redis) -> None:
    store.apply([_open("join", size=2), _arrive("join", 0), _arrive("join", 1, failed=True)])
    store.apply([Close(join="join", state=FAILED, ttl=100.0)])

    store.apply([Reopen(join="join")])

    assert direct.pttl(_key(store, "join:join")) == direct.pttl(_key(store, "parts:join")) == -1
    assert store.parts("join", 0, 2) == [b"part", None]
    assert list(store.apply([_arrive("join", 1)])) == [_message("join")]


def test_more_members_than_lua_can_name_at_once_may_have_failed(store: RedisWorkflowStore) -> None:
    size = 9000
    store.apply([_open("join", size=size), _arrive("join", 0)])
    store.apply([_arrive("join", i, failed=True) for i in range(1, size)])
    store.apply([Close(join="join", state=FAILED)])

    store.apply([Reopen(join="join")])

    assert _of(store.join("join")) == (WAITING, size, 1, None)


def test_kept_values_expire_on_the_server(store: RedisWorkflowStore, direct: Redis) -> None:
    store.apply([Keep(key="a", value=b"1", ttl=100.0), Keep(key="b", value=b"2"), Keep(key="c", value=b"3")])

    assert 99_000 < int(str(direct.pttl(_key(store, "kept:a")))) <= 100_000
    assert direct.pttl(_key(store, "kept:b")) == -1
    store.apply([Drop(key="c"), Drop(key="c")])
    assert store.kept(["a", "b", "c"]) == {"a": b"1", "b": b"2"}


def test_nothing_is_left_of_joins_that_ended_but_what_is_to_be_known(store: RedisWorkflowStore, direct: Redis) -> None:
    for join, ends in [("done", DONE), ("failed", FAILED)]:
        store.apply([_arrive(join, 0), _open(join, size=2), _arrive(join, 1), Close(join=join, state=ends)])
    store.apply([_arrive("early", 0, failed=True)])
    assert store.overdue(fired=0.0, open=0.0) == []

    left = sorted(key.rpartition("}:")[2] for key in direct.keys(_key(store, "*").replace("{", "[{]")))

    assert left == ["join:done", "join:failed", "parts:failed"]
    assert _of(store.join("done")) == (DONE, 2, 2, None)


# --- what is overdue


def test_at_most_a_thousand_are_overdue_at_once_oldest_first(store: RedisWorkflowStore) -> None:
    store.apply([_open(f"fires-{i:04}", size=0) for i in range(600)])
    store.apply([_open(f"waits-{i:04}") for i in range(600)])

    first = store.overdue(fired=0.0, open=0.0)

    ids = [message.id for message in first]
    assert ids == [f"fires-{i:04}" for i in range(600)] + [f"waits-{i:04}" for i in range(400)]
    assert _of(store.join("waits-0399"))[0] == FIRED
    assert _of(store.join("waits-0400"))[0] == WAITING
    assert store.overdue(fired=1000.0, open=1000.0) == []


def test_a_join_whose_key_was_deleted_is_overdue_no_more(store: RedisWorkflowStore, direct: Redis) -> None:
    store.apply([_open("join", size=0)])
    direct.delete(_key(store, "join:join"))

    assert store.overdue(fired=0.0, open=0.0) == []

    assert direct.zcard(_key(store, "joins:fired")) == 0


# --- lost answers, full memory, servers away


def test_what_fired_is_told_again_when_the_answer_was_lost(server: RedisServer, app: KernelQ) -> None:
    with (
        Proxy("127.0.0.1", server.port) as proxy,
        KernelQ(broker=proxy.url(app.broker_url), set_as_current=False) as far,
    ):
        store = RedisWorkflowStore(far, far.broker_url)
        store.apply([_open("arrival", size=1), Keep(key="the script", value=b"is known now")])
        for ops in ([_open("empty", size=0)], [_arrive("arrival", 0)]):
            proxy.cut_reply(b"EVALSHA")

            assert list(store.apply(ops)) == [_message(ops[0].join)]


def test_a_full_server_counts_what_is_settled_and_ends_joins_but_begins_none(
    app: KernelQ, store: RedisWorkflowStore, consumer: Consumer, direct: Redis
) -> None:
    app.broker.publish([_message("a"), _message("b")])
    first, second = consumer.fetch(2, 0)
    store.apply([_open("join", size=1), Keep(key="old", value=b"")])
    direct.config_set("maxmemory", "1")

    with pytest.raises(BackendUnavailable, match="OOM"):
        store.apply([_open("other", size=1)])
    assert consumer.settle([Transition(delivery=first, effects=(Effect(store, _arrive("join", 0)),))]) == []
    assert consumer.settle([Transition(delivery=second, effects=(Effect(store, _open("more", size=1)),))]) == []
    assert [_id(each) for each in consumer.fetch(9, 0)] == ["join"]
    assert [message.id for message in store.overdue(fired=0.0, open=1000.0)] == ["join"]
    store.apply([Close(join="join", ttl=1000.0), Drop(key="old")])
    assert _of(store.join("join"))[0] == DONE
    assert _of(store.join("more"))[0] == WAITING


def test_a_server_that_is_not_there_is_a_store_that_is_away() -> None:
    url = "redis://127.0.0.1:1"
    with KernelQ(broker="memory://", set_as_current=False) as app:
        store = RedisWorkflowStore(app, url)
        for use in (
            lambda: store.apply([Drop(key="a")]),
            lambda: store.join("a"),
            lambda: store.parts("a", 0, 1),
            lambda: store.kept(["a"]),
            lambda: store.overdue(fired=0.0, open=0.0),
        ):
            with pytest.raises(BackendUnavailable, match="127.0.0.1:1"):
                use()


def test_a_user_with_the_rights_of_the_manual_page_can_do_everything(server: RedisServer, direct: Redis) -> None:
    prefix = uuid()
    page = kernelq_plugins.engine_redis.__doc__ or ""
    [rights] = [line.split()[5:] for line in page.splitlines() if "ACL SETUSER" in line]
    rights = [right.replace("{kernelq}", f"{{{prefix}}}") for right in rights]
    direct.execute_command("ACL SETUSER", "limited", "on", ">secret", *rights)
    url = f"redis://limited:secret@127.0.0.1:{server.port}/1?prefix={prefix}"

    with KernelQ(broker=url, set_as_current=False) as app:
        store = RedisWorkflowStore(app, url)
        fired = store.apply([_arrive("join", 0, failed=True), _open("join"), Close(join="join", state=FAILED, ttl=9.0)])
        store.apply([Reopen(join="join"), _arrive("other", 0), Keep(key="a", value=b""), Drop(key="a")])
        store.apply([Forget(join="other"), _open("other")])

        assert [message.id for message in fired] == ["join"]
        assert [message.id for message in store.overdue(fired=0.0, open=0.0)] == ["join", "other"]
        store.apply([Close(join="join")])
        assert _of(store.join("join")) == (DONE, None, 0, None)
        assert store.parts("join", 0, 1) == [None]
        assert store.kept(["a"]) == {}


def test_the_options_are_the_brokers_where_the_url_is(server: RedisServer) -> None:
    url = f"redis://127.0.0.1:{server.port}/%d"
    with KernelQ(broker=url % 1, backend=url % 2, set_as_current=False) as app:
        app.conf.broker_transport_options = {"prefix": "brokers"}
        app.conf.result_backend_transport_options = {"prefix": "backends"}

        prefixes = [RedisWorkflowStore(app, url % db)._space.prefix for db in (1, 2, 3)]

    assert prefixes == ["{brokers}:", "{backends}:", "{backends}:"]


def _message(id: str, **fields: Any) -> Message:
    return Message(**{"id": id, "task": "tests.add", "body": b"[[], {}, {}]", "queue": "q", **fields})


def _open(join: str, *, size: int | None = None) -> Open:
    return Open(join=join, message=_message(join), record=pack(_message(join)), size=size)


def _arrive(join: str, place: int, *, failed: bool = False) -> Arrive:
    return Arrive(join=join, place=place, part=b"part", failed=failed)


def _of(join: Join | None) -> tuple[str, int | None, int, int | None]:
    assert join is not None
    return join.state, join.size, join.arrived, join.failed


def _id(delivery: Delivery) -> str:
    assert isinstance(delivery.message, Message)
    return delivery.message.id


def _key(store: RedisWorkflowStore, name: str) -> str:
    return store._space.key(name)


def _calls_of(direct: Redis, act: Callable[[], object]) -> dict[str, int]:
    """How often each command was called while `act` ran, by clients and in scripts."""
    before = _calls(direct)
    act()
    after = _calls(direct)
    return {name: calls - before.get(name, 0) for name, calls in after.items() if calls > before.get(name, 0)}


def _calls(direct: Redis) -> dict[str, int]:
    stats = direct.info("commandstats")
    ours = ("cmdstat_info", "cmdstat_select", "cmdstat_hello", "cmdstat_client|setinfo")
    return {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in stats.items() if name not in ours}
