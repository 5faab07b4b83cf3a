"""What the Redis broker and backend promise beyond the contracts: commands, settings of the server, full memory, lost answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, cast

import kernelq_plugins.engine_redis
import pytest
from call_counts import calls_of
from kernelq import KernelQ, uuid
from kernelq.contracts import (
    Broker,
    BrokerError,
    BrokerFull,
    Consumer,
    Delivery,
    Effect,
    Finding,
    Message,
    Outcome,
    Store,
    Transition,
    Verdict,
    pack,
)  # fmt: skip
from kernelq.redis import Fragment, RedisEngine, Within
from kernelq.testing import Proxy
from kernelq_plugins.broker_redis.scripts import settle_script
from kernelq_plugins.broker_redis.settlement import Settlement
from redis import Redis
from servers import RedisServer
from waiting import until


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server whose settings tests may change."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server(own_server: RedisServer) -> Iterator[RedisServer]:
    yield own_server
    with Redis(port=own_server.port) as client:
        client.config_set("maxmemory", "0")
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendfsync", "always")
        client.config_set("appendonly", "yes")


@pytest.fixture
def direct(server: RedisServer) -> Iterator[Redis]:
    """A client of the server, for looking at it."""
    with Redis(port=server.port, decode_responses=True) as client:
        yield client


@pytest.fixture
def app(server: RedisServer) -> Iterator[KernelQ]:
    """Broker and backend in two databases."""
    url = f"redis://127.0.0.1:{server.port}/%d?prefix={uuid()}"
    with KernelQ("redis", broker=url % 1, backend=url % 2, set_as_current=False) as app:
        yield app


@pytest.fixture
def consumer(app: KernelQ) -> Iterator[Consumer]:
    with closing(app.broker.consumer(["q"], id="c", lease=60)) as consumer:
        yield consumer


# --- one script


def test_the_end_of_a_batch_is_one_script_also_across_databases(
    app: KernelQ, consumer: Consumer, direct: Redis
) -> None:
    app.broker.publish([_message(str(i)) for i in range(11)])
    warm_up = Effect(app.backend, Outcome(id="10", state="STARTED"))
    [eleventh] = consumer.fetch(11, 0)[10:]
    consumer.settle([Transition(delivery=eleventh, effects=(warm_up,))])  # the server learns the script
    consumer.close()
    transitions = [
        Transition(
            delivery=delivery,
            verdict=verdict,
            successors=(_message(f"{_id(delivery)}+"),),
            effects=(Effect(app.backend, Outcome(id=_id(delivery), state="SUCCESS")),),
        )
        for delivery, verdict in zip(consumer.fetch(10, 0), [*Verdict, *Verdict], strict=True)
    ]
    sent = _commands_of(app, direct, lambda: consumer.settle(transitions))

    assert sent == ["EVALSHA"]
    assert len(app.backend.get_many([str(i) for i in range(10)])) == 10
    assert direct.execute_command("DBSIZE") == 0  # database 0, which nobody named


def test_publishing_a_batch_is_one_script(app: KernelQ, direct: Redis) -> None:
    app.broker.publish([_message("first")])

    batch = [_message(str(i), queue=str(i % 3), priority=i % 10) for i in range(100)]

    assert _commands_of(app, direct, lambda: app.broker.publish(batch)) == ["EVALSHA"]


def test_a_refused_transition_leaves_no_trace_in_the_other_database(app: KernelQ, consumer: Consumer) -> None:
    app.broker.publish([_message("a")])
    [delivery] = consumer.fetch(1, 0)
    consumer.settle([Transition(delivery=delivery)])
    late = Transition(delivery=delivery, effects=(Effect(app.backend, Outcome(id="a", state="SUCCESS")),))

    assert consumer.settle([late]) == [late]

    assert app.backend.get_many(["a"]) == {}


def test_an_effect_that_the_server_refuses_leaves_its_delivery_held(
    app: KernelQ, consumer: Consumer, direct: Redis
) -> None:
    app.broker.publish([_message(id) for id in "ab"])
    deliveries = consumer.fetch(2, 0)
    with Redis(port=direct.get_connection_kwargs()["port"], db=2) as client:
        client.sadd(_key(app, "result:b"), "no outcome")
    transitions = [
        Transition(delivery=each, effects=(Effect(app.backend, Outcome(id=_id(each), state="SUCCESS")),))
        for each in deliveries
    ]

    with pytest.raises(BrokerError, match="WRONGTYPE"):
        consumer.settle(transitions)

    assert consumer.held(deliveries) == deliveries
    assert consumer.settle(transitions[:1]) == []
    assert consumer.settle([Transition(delivery=deliveries[1], verdict=Verdict.DEAD, reason="unsettleable")]) == []


class Counter(Store):
    """Counts who is done, and publishes a message when all are: a fan-in."""

    def __init__(self, app: KernelQ, follower: Message) -> None:
        self.engine = app.broker.engine
        self._space = cast(RedisEngine, self.engine).space("redis:///4", {"prefix": f"counter-{uuid()}"})
        self._follower = follower

    def apply(self, ops: Sequence[Any]) -> Sequence[Message]:
        raise NotImplementedError

    def apply_within(self, handle: Within, ops: Sequence[Any]) -> Sequence[Message]:
        follower = self._follower
        for member, most in ops:
            words = [
                self._space.key("done"),
                most,
                follower.queue,
                follower.priority,
                follower.key,
                pack(follower),
                member,
            ]
            handle.add(_COUNT, self._space, words)
        return ()


_COUNT = Fragment("""
redis.call('SADD', args[1], args[7])
if redis.call('SCARD', args[1]) == tonumber(args[2]) then
  return { args[3], tonumber(args[4]), false, args[5], args[6] }
end
""")


def test_a_stores_fragment_may_publish_what_follows(app: KernelQ, consumer: Consumer) -> None:
    counter = Counter(app, _message("body"))
    app.broker.publish([_message(id) for id in "abc"])

    for delivery in consumer.fetch(3, 0):
        assert consumer.fetch(1, 0) == []
        consumer.settle([Transition(delivery=delivery, effects=(Effect(counter, (_id(delivery), 3)),))])

    assert [_id(delivery) for delivery in consumer.fetch(3, 0)] == ["body"]


def test_acks_with_several_effects_have_each_carried_out_in_its_own_database(app: KernelQ, consumer: Consumer) -> None:
    counter = Counter(app, _message("body"))
    app.broker.publish([_message(str(i)) for i in range(6)])
    deliveries = consumer.fetch(6, 0)
    consumer.settle([Transition(delivery=deliveries[2])])
    transitions = [
        Transition(
            delivery=each,
            effects=(
                Effect(app.backend, Outcome(id=_id(each), state="SUCCESS", value=_id(each).encode())),
                Effect(counter, (_id(each), 5)),
            )[:: 1 if i < 4 else -1],
        )
        for i, each in enumerate(deliveries)
    ]

    assert consumer.settle(transitions) == [transitions[2]]

    stored = app.backend.get_many([str(i) for i in range(6)])
    assert {id: outcome.value for id, outcome in stored.items()} == {id: id.encode() for id in "01345"}
    assert [_id(delivery) for delivery in consumer.fetch(3, 0)] == ["body"]


def test_acks_with_effects_of_the_same_kinds_are_told_as_one_group(app: KernelQ, consumer: Consumer) -> None:
    counter = Counter(app, _message("body"))
    app.broker.publish([_message(str(i)) for i in range(6)])
    transitions = [
        Transition(
            delivery=each, effects=(Effect(app.backend, Outcome(id="a", state="SUCCESS")), Effect(counter, ("a", 9)))
        )
        for each in consumer.fetch(6, 0)
    ]

    words = Settlement(transitions).words

    assert words[:3] == [1, 6, 2]  # one group, of six acks, with two effects each


def test_settle_scripts_are_made_once_for_each_set_of_fragments() -> None:
    assert settle_script((_COUNT,), 1) is settle_script((_COUNT,), 1)
    assert settle_script((_COUNT,), 1).sha != settle_script((), 1).sha


# --- lost answers


def test_a_settlement_whose_answer_was_lost_answers_the_same_again(server: RedisServer, app: KernelQ) -> None:
    with (
        Proxy("127.0.0.1", server.port) as proxy,
        KernelQ(broker=proxy.url(app.broker_url), set_as_current=False) as far,
    ):
        far_consumer = far.broker.consumer(["q"], id="far", lease=60)
        app.broker.publish([_message(id) for id in "abc"])
        first, second, third = far_consumer.fetch(3, 0)
        far_consumer.settle([Transition(delivery=second)])
        transitions = [
            Transition(delivery=each, successors=(_message(f"{_id(each)}+"),)) for each in (first, second, third)
        ]
        proxy.cut_reply(b"EVALSHA")

        assert far_consumer.settle(transitions) == [transitions[1]]

        assert sorted(_id(each) for each in far_consumer.fetch(9, 0)) == ["a+", "c+"]
        far_consumer.close()


def test_a_claim_whose_answer_never_came_is_handed_to_the_next_consumer_of_that_id(
    server: RedisServer, app: KernelQ
) -> None:
    with (
        Proxy("127.0.0.1", server.port) as proxy,
        KernelQ(broker=proxy.url(app.broker_url), set_as_current=False) as far,
    ):
        far.conf.broker_connection_timeout = 0.5
        lost = far.broker.consumer(["q"], id="far", lease=60)
        lost.fetch(1, 0)
        app.broker.publish([_message(id) for id in "abc"])
        proxy.hole("down")
        with pytest.raises(Exception, match="no answer"):
            lost.fetch(2, 0)
        lost.discard()
        proxy.heal()

        heir = far.broker.consumer(["q"], id="far", lease=60)

        assert [_id(each) for each in heir.fetch(1, 0)] == ["a", "b"]
        assert [_id(each) for each in heir.fetch(9, 0)] == ["c"]
        heir.close()


def test_flushing_everything_begins_anew(app: KernelQ, consumer: Consumer, direct: Redis) -> None:
    app.broker.publish([_message("a")])
    [lost] = consumer.fetch(1, 0)

    direct.flushall()
    direct.script_flush()

    assert app.broker.renew([consumer.id]) == [consumer.id]
    assert consumer.settle([Transition(delivery=lost)]) == [Transition(delivery=lost)]
    assert consumer.fetch(1, 0) == []
    app.broker.publish([_message("a")])
    assert len(consumer.fetch(1, 0)) == 1
    assert app.broker.renew([consumer.id]) == []


# --- waiting


def test_an_idle_consumer_costs_a_handful_of_commands_a_second(app: KernelQ, consumer: Consumer, direct: Redis) -> None:
    consumer.fetch(1, 0.1)
    before = direct.info("stats")["total_commands_processed"]

    assert consumer.fetch(1, 3.0) == []

    assert (direct.info("stats")["total_commands_processed"] - before) / 3.0 < 15


def test_one_message_wakes_one_of_many_waiting_consumers(app: KernelQ, direct: Redis) -> None:
    consumers = [app.broker.consumer(["q"], id=f"c{i}", lease=60) for i in range(10)]
    found: list[Delivery] = []
    threads = [threading.Thread(target=lambda each=each: found.extend(each.fetch(1, 60))) for each in consumers]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    waiting = _key(app, "waiting:q")
    until(lambda: _in(app, direct, "ZCARD", waiting) == 10 and len(direct.pubsub_channels("*wake:c*")) == 10)

    app.broker.publish([_message("a")])
    until(lambda: found)

    # Nine are still put down: nobody else was told.
    assert _in(app, direct, "ZCARD", waiting) == 9
    for consumer in consumers:
        consumer.wake()
    for thread in threads:
        thread.join(30)
    for consumer in consumers:
        consumer.close()
    assert _in(app, direct, "ZCARD", waiting) == 0


def test_a_dead_waiter_is_passed_over(app: KernelQ, consumer: Consumer, direct: Redis) -> None:
    with Redis(port=direct.get_connection_kwargs()["port"], db=1) as client:
        threading.Timer(0.1, lambda: client.zadd(_key(app, "waiting:q"), {"dead": 9e9})).start()
        started = time.monotonic()
        threading.Timer(0.2, app.broker.publish, [[_message("a")]]).start()

        assert len(consumer.fetch(1, 30)) == 1

    assert time.monotonic() - started < 15


# --- the server's settings


def test_what_is_safe_is_found_well(app: KernelQ) -> None:
    findings = app.broker.examine()

    assert {finding.level for finding in findings} == {"ok"}
    assert "maxmemory-policy is noeviction" in {finding.what for finding in findings}
    assert "appendonly is yes, appendfsync is always" in {finding.what for finding in findings}


def test_eviction_is_refused_unless_it_is_allowed(server: RedisServer, app: KernelQ, direct: Redis) -> None:
    direct.config_set("maxmemory-policy", "allkeys-lru")

    [refused] = _bad(app.broker)
    assert (refused.level, "allkeys-lru" in refused.what) == ("refused", True)
    allowed = KernelQ(broker=app.broker_url, broker_transport_options={"allow_eviction": True}, set_as_current=False)
    with allowed:
        [warning] = _bad(allowed.broker)
    assert warning.level == "warning"


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"appendfsync": "everysec"}, "up to the last two seconds"),
        ({"appendfsync": "no"}, "what the system had not yet written"),
        ({"appendonly": "no"}, "nothing is kept on the disk"),
        ({"appendonly": "no", "save": "60 1"}, "only snapshots"),
    ],
)
def test_what_may_be_lost_is_said(app: KernelQ, direct: Redis, settings: dict[str, str], what: str) -> None:
    for name, value in settings.items():
        direct.config_set(name, value)

    [finding] = _bad(app.broker)

    direct.config_set("save", "")
    assert finding.level == "warning"
    assert what in finding.what
    assert finding.advice


def test_a_server_that_hides_its_settings_is_examined_as_far_as_it_goes(
    server: RedisServer, app: KernelQ, direct: Redis
) -> None:
    direct.acl_setuser(
        "tenant",
        enabled=True,
        passwords=["+secret"],
        keys=["*"],
        categories=["+@all"],
        commands=["-config"],
        channels=["*"],
    )
    direct.config_set("maxmemory-policy", "volatile-ttl")
    url = app.broker_url.replace("//", "//tenant:secret@")

    with KernelQ(broker=url, set_as_current=False) as tenant:
        levels = {finding.what.partition(" ")[0]: finding.level for finding in tenant.broker.examine()}

    assert levels["CONFIG"] == "warning"
    assert levels["maxmemory-policy"] == "refused"


def test_a_replica_is_refused(app: KernelQ, direct: Redis) -> None:
    direct.replicaof("127.0.0.1", 1)
    try:
        assert [finding.level for finding in _bad(app.broker)] == ["refused"]
    finally:
        direct.replicaof("NO", "ONE")


def test_a_full_server_takes_no_messages_but_everything_else_passes(
    app: KernelQ, consumer: Consumer, direct: Redis
) -> None:
    app.broker.publish([_message(id) for id in "abcdef"])
    first = consumer.fetch(2, 0)
    direct.config_set("maxmemory", "1")

    with pytest.raises(BrokerFull, match="OOM"):
        app.broker.publish([_message("g")])
    assert app.broker.renew([consumer.id]) == []
    successor = Transition(
        delivery=first[0],
        successors=(_message("a+"),),
        effects=(Effect(app.backend, Outcome(id="a", state="SUCCESS")),),
    )
    assert consumer.settle([successor, Transition(delivery=first[1], verdict=Verdict.CRASHED)]) == []
    deliveries = consumer.fetch(9, 0)
    verdicts = [Verdict.DEAD, Verdict.PARK, Verdict.REQUEUE, *[Verdict.ACK] * 9]
    assert (
        consumer.settle(
            [Transition(delivery=each, verdict=verdict) for each, verdict in zip(deliveries, verdicts, strict=False)]
        )
        == []
    )
    assert [queue.dead for queue in app.broker.queues()] == [1]
    assert set(app.backend.get_many(["a"])) == {"a"}
    assert len(consumer.fetch(9, 0)) == 2


def test_a_user_with_the_rights_of_the_manual_page_can_do_everything(app: KernelQ, direct: Redis) -> None:
    prefix = uuid()
    page = kernelq_plugins.engine_redis.__doc__ or ""
    [rights] = [line.split()[5:] for line in page.splitlines() if "ACL SETUSER" in line]
    rights = [right.replace("{kernelq}", f"{{{prefix}}}") for right in rights]
    direct.execute_command("ACL SETUSER", "limited", "on", ">secret", *rights)
    url = f"redis://limited:secret@127.0.0.1:{direct.get_connection_kwargs()['port']}/%d?prefix={prefix}"

    with KernelQ(broker=url % 1, backend=url % 2, set_as_current=False) as limited:
        consumer = limited.broker.consumer(["q"], id="c", lease=60)
        limited.broker.publish([_message("a", body=bytes(20_000))])  # around Lua
        effects = (Effect(limited.backend, Outcome(id="a", state="SUCCESS")),)
        with limited.backend.watch(["a"]) as watch:
            [delivery] = consumer.fetch(1, 1)
            assert consumer.settle([Transition(delivery=delivery, successors=(_message("b"),), effects=effects)]) == []
            assert len(watch.changes(30)) == 1
        consumer.settle([Transition(delivery=each, verdict=Verdict.DEAD) for each in consumer.fetch(1, 0)])
        assert limited.broker.dead_purge() == 1
        assert _bad(limited.broker) == []
        limited.backend.forget(["a"])
        assert consumer.fetch(1, 0.1) == []
        consumer.close()
        assert limited.broker.purge("q") == 0


# --- order and numbers


def test_places_are_told_apart_in_a_batch_and_across_batches(app: KernelQ, consumer: Consumer) -> None:
    for start in range(0, 5000, 1000):
        app.broker.publish([_message(str(i)) for i in range(start, start + 1000)])

    assert [int(_id(each)) for each in consumer.fetch(5000, 0)] == list(range(5000))


def test_many_etas_that_come_at_once_are_moved_by_the_thousand(app: KernelQ, consumer: Consumer) -> None:
    app.broker.publish([_message(str(i), eta=time.time() + 0.2) for i in range(3000)])

    found: list[Delivery] = []
    while len(found) < 3000:
        found += consumer.fetch(5000, 30)
    assert len({_id(each) for each in found}) == 3000


def test_nothing_is_left_of_what_was_settled(app: KernelQ, consumer: Consumer, direct: Redis) -> None:
    app.broker.publish([_message(str(i)) for i in range(10)])
    consumer.settle([Transition(delivery=each, verdict=Verdict.CRASHED) for each in consumer.fetch(10, 0)])
    deliveries = consumer.fetch(10, 0)
    consumer.mark_started(deliveries)
    consumer.settle([Transition(delivery=each) for each in deliveries])
    consumer.close()

    left = {key.rpartition("}:")[2] for key in _in(app, direct, "KEYS", _key(app, "*").replace("{", "[{]"))}

    assert left == {"place", "queues"}


# --- waiting


def test_what_was_done_is_settled_and_what_is_next_taken_in_one_round_trip(
    app: KernelQ, consumer: Consumer, direct: Redis
) -> None:
    app.broker.publish([_message(str(i)) for i in range(400)])
    deliveries = consumer.fetch(100, 0)
    consumer.exchange([Transition(delivery=delivery) for delivery in deliveries[:50]], 50)

    sent = _commands_of(
        app, direct, lambda: consumer.exchange([Transition(delivery=delivery) for delivery in deliveries[50:]], 100)
    )

    assert sent == ["EVALSHA", "EVALSHA"]
    assert calls_of(lambda: consumer.exchange([], 100))["sendall"] == 1


def test_who_waits_does_not_look_again_as_long_as_rings_are_heard(
    app: KernelQ, consumer: Consumer, direct: Redis
) -> None:
    assert consumer.fetch(1, 0.1) == []

    sent = _commands_of(app, direct, lambda: [consumer.fetch(1, 0.1) for _ in range(3)])

    assert sent == []


def test_leases_of_those_who_wait_are_seen_to_be_alive_by_one_command(
    app: KernelQ, consumer: Consumer, direct: Redis
) -> None:
    app.broker.publish([_message("a")])
    consumer.settle([Transition(delivery=delivery) for delivery in consumer.fetch(1, 0.1)])
    assert consumer.fetch(1, 0.1) == []

    assert app.broker.renew([consumer.id]) == []
    assert _commands_of(app, direct, lambda: app.broker.renew([consumer.id])) == ["ZMSCORE"]


def test_a_lease_begins_anew_with_what_is_taken_after_a_wait(app: KernelQ) -> None:
    with closing(app.broker.consumer(["q"], id="short", lease=2.0)) as consumer:
        app.broker.publish([_message("a")])
        consumer.settle([Transition(delivery=delivery) for delivery in consumer.fetch(1, 0.1)])
        assert consumer.fetch(1, 0.1) == []
        app.broker.publish([_message("b")])

        assert [_id(delivery) for delivery in consumer.fetch(1, 5)] == ["b"]

        with closing(app.broker.consumer(["q"], id="other", lease=60)) as other:
            assert [_id(delivery) for delivery in other.fetch(1, 30)] == ["b"]


def test_who_waits_learns_of_a_message_that_is_due_before_all_others(app: KernelQ, consumer: Consumer) -> None:
    app.broker.publish([_message("late", eta=time.time() + 3600)])
    fetched = Waiter(consumer)

    app.broker.publish([_message("soon", eta=time.time() + 0.3)])

    assert fetched.ids(within=5.0) == ["soon"]  # long before a look of its own


def test_who_takes_a_message_leaves_it_to_another_to_wait_for_what_is_due_next(app: KernelQ) -> None:
    with (
        closing(app.broker.consumer(["q"], id="one", lease=60)) as one,
        closing(app.broker.consumer(["q"], id="two", lease=60)) as two,
    ):
        waiters = [Waiter(one), Waiter(two)]
        app.broker.publish([_message("later", eta=time.time() + 1.0)])
        app.broker.publish([_message("now")])

        assert sorted(id for waiter in waiters for id in waiter.ids(within=5.0)) == ["later", "now"]


def test_a_consumer_that_ends_leaves_it_to_another_to_wait_for_what_is_due_next(app: KernelQ) -> None:
    one = app.broker.consumer(["q"], id="one", lease=60)
    with closing(app.broker.consumer(["q"], id="two", lease=60)) as two:
        waiter = Waiter(two)
        one.fetch(1, 0.1)
        app.broker.publish([_message("later", eta=time.time() + 1.0)])  # rings the one who began to wait last
        one.fetch(1, 0.1)
        one.close()

        assert waiter.ids(within=5.0) == ["later"]


class Waiter:
    """A consumer whose thread waits for one message; made when it is put down as waiting."""

    def __init__(self, consumer: Consumer) -> None:
        assert consumer.fetch(1, 0.05) == []
        self._found: list[Delivery] = []
        self._thread = threading.Thread(target=self._fetch, args=(consumer,))
        self._thread.start()

    def _fetch(self, consumer: Consumer) -> None:
        self._found += consumer.fetch(1, 10)

    def ids(self, within: float) -> list[str]:
        """Of what came within these seconds."""
        self._thread.join(within)
        return [_id(delivery) for delivery in self._found]


def _message(id: str, **fields: Any) -> Message:
    return Message(**{"id": id, "task": "tests.add", "body": b"[[], {}, {}]", "queue": "q", **fields})


def _id(delivery: Delivery) -> str:
    assert isinstance(delivery.message, Message)
    return delivery.message.id


def _key(app: KernelQ, name: str) -> str:
    key: str = app.broker.space.key(name)  # type: ignore[attr-defined]  # a Redis broker's
    return key


def _in(app: KernelQ, direct: Redis, *words: str) -> Any:
    """What a command answers in the broker's database."""
    with Redis(port=direct.get_connection_kwargs()["port"], db=1, decode_responses=True) as client:
        return client.execute_command(*words)


def _bad(broker: Broker) -> list[Finding]:
    return [finding for finding in broker.examine() if finding.level != "ok"]


def _commands_of(app: KernelQ, direct: Redis, act: Callable[[], object]) -> list[str]:
    """The commands clients send while `act` runs, without those that scripts call."""
    act_is_over = f"over-{uuid()}"
    with direct.monitor() as monitor:
        act()
        direct.echo(act_is_over)
        sent = []
        for heard in monitor.listen():
            if act_is_over in heard["command"]:
                return sent
            if heard["client_type"] != "lua" and not heard["command"].startswith("HELLO"):  # our own look's
                sent.append(heard["command"].partition(" ")[0])
    raise AssertionError
