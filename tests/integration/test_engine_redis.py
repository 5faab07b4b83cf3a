"""URLs, prefixes and errors of the Redis engine, and the one subscription of a process."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from kernelq import KernelQ, uuid
from kernelq.contracts import (
    BackendUnavailable,
    BrokerError,
    BrokerFull,
    BrokerRefused,
    BrokerUnavailable,
    ImproperlyConfigured,
    Message,
    Outcome,
)
from kernelq.testing import Proxy
from kernelq_plugins.engine_redis.address import parse
from kernelq_plugins.engine_redis.engine import RedisEngine
from kernelq_plugins.engine_redis.errors import translate
from kernelq_plugins.engine_redis.space import prefix_of
from redis import Redis
from redis import exceptions as library
from servers import RedisServer
from waiting import until


@pytest.fixture
def direct(redis_server: RedisServer) -> Iterator[Redis]:
    """A client of the server, for looking at it."""
    with Redis(port=redis_server.port, decode_responses=True) as client:
        yield client


@pytest.mark.parametrize(
    ("url", "kind", "is_tls", "servers", "db"),
    [
        ("redis://", "server", False, "localhost:6379", 0),
        ("redis://host/3", "server", False, "host:6379", 3),
        ("rediss://host:7000", "server", True, "host:7000", 0),
        ("redis://[::1]:7000/1", "server", False, "::1:7000", 1),
        ("unix:///run/redis.sock?db=2", "socket", False, "/run/redis.sock", 2),
        ("redis+socket:///run/redis.sock?virtual_host=2", "socket", False, "/run/redis.sock", 2),
        ("sentinel://a;sentinel://b:7000/4", "sentinel", False, "a:26379,b:7000", 4),
        ("sentinel://a,b:7000/4?master=m", "sentinel", False, "a:26379,b:7000", 4),
        ("sentinel+rediss://a", "sentinel", True, "a:26379", 0),
        ("redis+cluster://a:7000,b:7001", "cluster", False, "a:7000,b:7001", 0),
        ("rediss+cluster://a", "cluster", True, "a:6379", 0),
    ],
)
def test_a_url_says_where_the_servers_are(url: str, kind: str, is_tls: bool, servers: str, db: int) -> None:
    address = parse(url)

    assert (address.kind, address.is_tls, address.servers, address.db) == (kind, is_tls, servers, db)


def test_user_and_password_are_decoded_and_not_shown() -> None:
    address = parse("redis://us%40er:p%2Fw@host/1")

    assert (address.username, address.password) == ("us@er", "p/w")
    assert "p/w" not in repr(address)
    assert "p/w" not in address.identity


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://:secret@host/one", "database number"),
        ("redis://:secret@host:port/1", "host and port"),
        ("redis://:secret@host/1?prefx=a", "known: db, health_check_interval, master, max_connections, prefix"),
        ("redis://:secret@host/1?max_connections=many", "'many' is no value for the option 'max_connections'"),
        ("redis+cluster://:secret@host/1", "no database but 0"),
        ("redis://:secret@a/0;redis://:secret@b/0", "expected one server"),
        ("redis+magic://:secret@host", "redis+cluster, redis+socket, rediss"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused_without_its_password(url: str, says: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=says.replace("+", r"\+")) as error:
        parse(url)

    assert "secret" not in str(error.value)


def test_urls_of_one_server_are_one_engine_whatever_database_prefix_and_password() -> None:
    first = RedisEngine.canonical("redis://:one@host:6379/0?prefix=a")

    assert first == RedisEngine.canonical("redis://:two@host/5?prefix=b")
    assert first != RedisEngine.canonical("redis://other/0")
    assert first != RedisEngine.canonical("rediss://host/0")
    assert RedisEngine.canonical("sentinel://a;sentinel://b/0") == RedisEngine.canonical("sentinel://b,a/1")


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        (None, "{kernelq}:"),
        ("shop", "{shop}:"),
        ("shop:", "{shop}:"),
        ("{a}b", "{a}b:"),
        ("a{}", "{a{}}:"),
        (":", "{kernelq}:"),
    ],
)
def test_every_prefix_has_one_hash_tag(name: str | None, prefix: str) -> None:
    assert prefix_of(name) == prefix


def test_the_drivers_take_their_prefixes_from_their_own_options() -> None:
    app = KernelQ(
        broker="redis://host/0",
        backend="redis://host/0?prefix=url",
        broker_transport_options={"global_keyprefix": "shop"},
        result_backend_transport_options={"global_keyprefix": "option"},
        set_as_current=False,
    )

    assert app.broker.space.prefix == "{shop}:"  # type: ignore[attr-defined]  # a Redis broker's
    assert app.backend._space.prefix == "{url}:"  # type: ignore[attr-defined]
    assert app.broker.engine is app.backend.engine


def test_broker_and_backend_on_a_cluster_must_share_their_hash_tag() -> None:
    app = KernelQ(broker="redis+cluster://host?prefix=a", backend="redis+cluster://host?prefix=b", set_as_current=False)
    assert app.broker

    with pytest.raises(ImproperlyConfigured, match="only one slot can change together"):
        _ = app.backend


def test_sentinels_without_a_master_are_refused_and_two_masters_too() -> None:
    app = KernelQ(broker="sentinel://127.0.0.1:1/0", set_as_current=False)
    with pytest.raises(ImproperlyConfigured, match="master_name"):
        app.broker.queues()

    engine = RedisEngine("sentinel://host")
    engine.space("sentinel://host/0", {"master_name": "one"})
    with pytest.raises(ImproperlyConfigured, match="'one' and 'two'"):
        engine.space("sentinel://host/1", {"master_name": "two"})


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (library.ConnectionError("Error 111"), BrokerUnavailable),
        (library.TimeoutError("Timeout reading"), BrokerUnavailable),
        (OSError("broken"), BrokerUnavailable),
        (library.BusyLoadingError("LOADING"), BrokerUnavailable),
        (library.ReadOnlyError("You can't write against a read only replica."), BrokerUnavailable),
        (
            library.ResponseError("user_script: 14: -READONLY You can't write against a read only replica."),
            BrokerUnavailable,
        ),
        (library.ResponseError("BUSY Redis is busy running a script"), BrokerUnavailable),
        (library.ResponseError("NOREPLICAS Not enough good replicas to write."), BrokerUnavailable),
        (library.ClusterDownError("The cluster is down"), BrokerUnavailable),
        (library.RedisClusterException("cannot be connected"), BrokerUnavailable),
        (library.MaxConnectionsError("Too many connections"), BrokerUnavailable),
        (library.AuthenticationError("WRONGPASS"), BrokerRefused),
        (library.NoPermissionError("this user has no permissions"), BrokerRefused),
        (library.ResponseError("user_script: 14: -NOPERM this user has no permissions"), BrokerRefused),
        (library.ResponseError("DB index is out of range"), BrokerRefused),
        (library.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), BrokerFull),
        (library.ResponseError("user_script: 14: -OOM command not allowed when used memory"), BrokerFull),
        (library.ResponseError("MISCONF Redis is configured to save RDB snapshots"), BrokerFull),
        (library.ResponseError("WRONGTYPE Operation against a key"), BrokerError),
    ],
)
def test_every_error_of_the_library_becomes_one_of_ours(error: Exception, ours: type[BrokerError]) -> None:
    translated = translate(error, "host:6379")

    assert type(translated) is ours
    assert "host:6379" in str(translated)


def test_a_hundred_threads_wait_on_two_subscribed_connections(redis_server: RedisServer, direct: Redis) -> None:
    with _app(redis_server) as app:
        before = len(direct.client_list(_type="pubsub"))
        waiters = [threading.Thread(target=_await_success, args=(app, str(i))) for i in range(100)]
        for waiter in waiters:
            waiter.start()
        until(lambda: len(direct.pubsub_channels(f"*{_prefix(app)}*")) == 100)

        # The bell's, and that of the one thread that has the tap.
        assert len(direct.client_list(_type="pubsub")) == before + 2
        app.backend.apply([_success(str(i)) for i in range(100)])
        for waiter in waiters:
            waiter.join(30)
            assert not waiter.is_alive()
        until(lambda: len(direct.pubsub_channels(f"*{_prefix(app)}*")) <= 1)  # the tap's goes with the next


def test_waiting_goes_on_when_the_subscription_is_cut(redis_server: RedisServer, direct: Redis) -> None:
    with _app(redis_server) as app, app.backend.watch(["a"]) as watch:
        assert watch.changes(0.1) == []
        until(lambda: direct.pubsub_channels(f"*{_prefix(app)}*"))

        direct.client_kill_filter(_type="pubsub")
        app.backend.apply([_success("a")])

        assert [outcome.id for outcome in watch.changes(30)] == ["a"]


def test_a_fetch_is_woken_by_looking_while_subscribing_is_not_permitted(
    redis_server: RedisServer, direct: Redis
) -> None:
    user = f"deaf-{uuid()}"
    direct.acl_setuser(
        user,
        enabled=True,
        passwords=["+secret"],
        keys=["*"],
        categories=["+@all"],
        commands=["-subscribe"],
        channels=["*"],
    )
    url = redis_server.url.replace("//", f"//{user}:secret@")
    with _app(redis_server, url) as app, closing(app.broker.consumer(["q"], id="c", lease=15)) as consumer:
        timer = threading.Timer(0.1, app.send_task, ["tests.add"], {"queue": "q"})
        timer.start()

        assert len(consumer.fetch(1, 30)) == 1
        timer.join()
    direct.acl_deluser(user)


def test_a_wrong_password_is_refused_and_not_shown(redis_server: RedisServer) -> None:
    url = redis_server.url.replace("//", "//nobody:secret@")
    with _app(redis_server, url) as app:
        with pytest.raises(BrokerRefused, match=str(redis_server.port)) as error:
            app.broker.renew([])
        with pytest.raises(BackendUnavailable):
            app.backend.get_many(["a"])

    assert "secret" not in str(error.value)


def test_a_server_that_is_not_there_is_named(redis_server: RedisServer) -> None:
    with (
        KernelQ(broker="redis://:secret@127.0.0.1:1/0", set_as_current=False) as app,
        pytest.raises(BrokerUnavailable) as error,
    ):
        app.broker.renew([])

    assert "127.0.0.1:1" in str(error.value)
    assert "secret" not in str(error.value)


def test_more_threads_than_connections_wait_for_one(redis_server: RedisServer, direct: Redis) -> None:
    with _app(redis_server, f"{redis_server.url}?max_connections=2&prefix={uuid()}") as app:
        before = direct.info("clients")["connected_clients"]
        threads = [threading.Thread(target=app.broker.queues) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        assert direct.info("clients")["connected_clients"] <= before + 2


def test_closing_leaves_no_connection(redis_server: RedisServer, direct: Redis) -> None:
    app = _app(redis_server)
    app.broker.publish([Message(id="a", task="tests.add", body=b"", queue="q")])
    with app.backend.watch(["a"]) as watch:
        watch.changes(0.1)
    before = len(direct.client_list())

    app.close()

    until(lambda: len(direct.client_list()) == before - 2)


def test_a_connection_that_rested_through_a_restart_is_made_anew(tmp_path: Any) -> None:
    with RedisServer(tmp_path) as server, _app(server) as app:
        app.broker.queues()

        server.restart()

        assert app.broker.queues() == []


def test_a_fork_in_the_parent_of_a_server_leaves_both_sides_well(redis_server: RedisServer) -> None:
    # As gunicorn with preload: connect in the parent, wait for results in the child.
    with _app(redis_server) as app, app.backend.watch(["a"]) as watch:
        watch.changes(0.05)
        app.backend.apply([_success("b")])

        child = multiprocessing.get_context("fork").Process(target=_await_success, args=(app, "c"))
        child.start()
        app.backend.apply([_success("a"), _success("c")])

        assert [outcome.id for outcome in watch.changes(30)] == ["a"]
        child.join(30)
        assert child.exitcode == 0


def test_a_lost_answer_to_a_retried_claim_strands_nothing(redis_server: RedisServer) -> None:
    with (
        Proxy("127.0.0.1", redis_server.port) as proxy,
        _app(redis_server, f"{redis_server.url}?prefix={uuid()}") as app,
    ):
        far = KernelQ(broker=proxy.url(app.broker_url), set_as_current=False)
        with far, closing(far.broker.consumer(["q"], id="c", lease=60)) as consumer:
            consumer.fetch(1, 0)
            app.send_task("tests.add", queue="q")
            proxy.cut_reply(b"EVALSHA")

            [delivery] = consumer.fetch(1, 0)

            assert delivery.fence == 1
            assert consumer.held([delivery]) == [delivery]


def _app(server: RedisServer, url: str | None = None) -> KernelQ:
    url = url or f"{server.url}?prefix={uuid()}"
    return KernelQ("redis", broker=url, backend=url, set_as_current=False)


def _prefix(app: KernelQ) -> str:
    return app.broker_url.partition("prefix=")[2]


def _success(id: str) -> Outcome:
    return Outcome(id=id, state="SUCCESS")


def _await_success(app: KernelQ, id: str) -> None:
    with app.backend.watch([id]) as watch:
        assert [outcome.id for outcome in watch.changes(30)] == [id]
