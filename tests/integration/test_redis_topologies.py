"""The Redis engine on a cluster of three nodes, and behind a Sentinel whose master fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest
from kernelq import KernelQ, uuid
from kernelq.contracts import Broker, BrokerUnavailable, Effect, Message, Outcome, Transition
from kernelq.testing import BackendSuite, BrokerSuite, WorkflowStoreSuite
from ports import free_port
from redis import Redis
from servers import PATIENCE, RedisServer
from waiting import until

SLOTS = 16384


class ClusterNode(RedisServer):
    """One node of a cluster, with a part of the slots; `meet` makes nodes one cluster."""

    def __init__(self, folder: Path) -> None:
        self.bus = free_port()
        super().__init__(folder, cluster_enabled="yes", cluster_port=str(self.bus), appendfsync="everysec")

    def take(self, first: int, last: int) -> None:
        """Serve these slots."""
        with Redis(port=self.port) as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", first, last)

    def meet(self, other: ClusterNode) -> None:
        """Become one cluster with another node."""
        with Redis(port=self.port) as client:
            client.execute_command("CLUSTER MEET", "127.0.0.1", other.port, other.bus)

    def is_whole(self, nodes: int) -> bool:
        """Whether this node knows all, and every slot is served."""
        with Redis(port=self.port, decode_responses=True) as client:
            told = client.cluster("INFO")
        return told["cluster_state"] == "ok" and int(told["cluster_known_nodes"]) == nodes


class SentinelServer(RedisServer):
    """A Sentinel that watches one master, alone; called after three seconds of silence."""

    def __init__(self, folder: Path, master: RedisServer) -> None:
        super().__init__(folder)
        self._master = master

    def prepare(self) -> None:
        (self.folder / "sentinel.conf").write_text(
            f"port {self.port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {self._master.port} 1\n"
            "sentinel down-after-milliseconds main 3000\nsentinel failover-timeout main 2000\n"
        )

    def command(self) -> Sequence[str]:
        return [self.find("redis-server"), str(self.folder / "sentinel.conf"), "--sentinel"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ClusterNode]]:
    """Three masters."""
    nodes = [ClusterNode(tmp_path_factory.mktemp("node")) for _ in range(3)]
    try:
        for position, node in enumerate(nodes):
            node.start()
            node.take(position * SLOTS // 3, (position + 1) * SLOTS // 3 - 1)
        for node in nodes[1:]:
            nodes[0].meet(node)
        until(lambda: all(node.is_whole(3) for node in nodes))
        yield nodes
    finally:
        for node in nodes:
            node.__exit__()


class OnACluster:
    """A prefix of its own for every test, so that tests fall on all nodes."""

    nodes: ClassVar[list[ClusterNode]]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _cluster(cls, cluster: list[ClusterNode]) -> None:
        cls.nodes = cluster

    def make_url(self, folder: Path) -> str:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"redis+cluster://{hosts}?prefix={uuid()}"


class TestBrokerOnACluster(OnACluster, BrokerSuite):
    # It takes long, and finds here what it finds on one server.
    test_b120_it_looks_like_the_memory_broker_whatever_happens = None

    def plant_garbage(self, broker: Broker, queue: str, raw: bytes) -> None:
        space = broker.space  # type: ignore[attr-defined]  # a Redis broker's
        space.call("HSET", space.key("messages"), "garbage", raw)
        space.call("SADD", space.key("queues"), queue)
        space.call("ZADD", space.key(f"ready:{queue}"), 1, "garbage")


class TestBackendOnACluster(OnACluster, BackendSuite):
    pass


class TestWorkflowsOnACluster(OnACluster, WorkflowStoreSuite):
    pass


def test_prefixes_spread_over_the_nodes(cluster: list[ClusterNode]) -> None:
    for i in range(20):
        url = f"redis+cluster://127.0.0.1:{cluster[i % 3].port}?prefix=spread-{i}"
        with KernelQ(broker=url, set_as_current=False) as app:
            app.broker.publish([_message("a")])
            assert [queue.ready for queue in app.broker.queues()] == [1]
            assert {finding.what.partition(" ")[0] for finding in app.broker.examine()} >= {"maxmemory-policy"}

    for node in cluster:
        with Redis(port=node.port) as client:
            assert client.keys("{spread-*")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[RedisServer, RedisServer, SentinelServer]]:
    """A master, its replica, and their Sentinel."""
    master, replica = RedisServer(tmp_path / "master"), RedisServer(tmp_path / "replica")
    sentinel = SentinelServer(tmp_path / "sentinel", master)
    with master, replica:
        with Redis(port=replica.port) as client:
            client.replicaof("127.0.0.1", master.port)  # type: ignore[no-untyped-call]
        with sentinel:
            with Redis(port=sentinel.port, decode_responses=True) as client:
                until(lambda: client.execute_command("SENTINEL REPLICAS", "main"))
            yield master, replica, sentinel
            if master._process is None:
                master.start()


def test_work_goes_on_after_the_master_behind_a_sentinel_failed(
    watched: tuple[RedisServer, RedisServer, SentinelServer],
) -> None:
    master, replica, sentinel = watched
    url = f"sentinel://127.0.0.1:{sentinel.port}/%d"
    options = {"master_name": "main"}
    with (
        KernelQ(
            broker=url % 1,
            backend=url % 2,
            broker_transport_options=options,
            result_backend_transport_options=options,
            set_as_current=False,
        ) as app,
        closing(app.broker.consumer(["q"], id="c", lease=60)) as consumer,
        app.backend.watch(["a"]) as watch,
    ):
        app.broker.publish([_message("a")])
        [delivery] = consumer.fetch(1, 1)
        assert watch.changes(0.1) == []
        with Redis(port=master.port) as client:
            client.set("last", "1")  # WAIT is for what this very connection wrote, and what came before it
            # The replica has it: what has not reached it is lost with its master. Its first copy takes some seconds.
            until(lambda: client.wait(1, 1000), "the replica to have all")

        master.kill()
        _persist(lambda: app.broker.renew(["c"]))
        effects = (Effect(app.backend, Outcome(id="a", state="SUCCESS")),)
        assert (
            _persist(
                lambda: consumer.settle([Transition(delivery=delivery, successors=(_message("b"),), effects=effects)])
            )
            == []
        )

        with Redis(port=replica.port) as client:
            assert client.info("replication")["role"] == "master"
        assert [outcome.id for outcome in watch.changes(30)] == ["a"]
        assert len(consumer.fetch(1, 0)) == 1
        timer = threading.Timer(0.2, app.broker.publish, [[_message("c")]])
        timer.start()
        assert len(consumer.fetch(1, 30)) == 1
        timer.join()


def _message(id: str) -> Message:
    return Message(id=id, task="tests.add", body=b"[[], {}, {}]", queue="q")


def _persist(call: Callable[[], object]) -> object:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return call()
        except BrokerUnavailable:
            assert time.monotonic() < deadline, "the engine never came back"
        time.sleep(0.1)
