"""The Redis drivers keep the contracts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from kernelq import KernelQ, uuid
from kernelq.contracts import Broker
from kernelq.testing import BackendSuite, BrokerSuite, LockStoreSuite, WorkflowStoreSuite
from kernelq.workflows import WorkflowStore
from kernelq_plugins.broker_redis.broker import RedisBroker
from kernelq_plugins.workflows_redis.store import RedisWorkflowStore
from servers import RedisServer


class OnRedis:
    """A prefix of its own for every test, on the session's server."""

    server: ClassVar[RedisServer]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls, redis_server: RedisServer) -> None:
        cls.server = redis_server

    def make_url(self, folder: Path) -> str:
        return f"redis://127.0.0.1:{self.server.port}/0?prefix={uuid()}"

    def plant_garbage(self, broker: Broker, queue: str, raw: bytes) -> None:
        assert isinstance(broker, RedisBroker)
        space = broker.space
        space.call("HSET", space.key("messages"), "garbage", raw)
        space.call("SADD", space.key("queues"), queue)
        space.call("ZADD", space.key(f"ready:{queue}"), 1, "garbage")


class TestRedisBroker(OnRedis, BrokerSuite):
    pass


class TestRedisBackend(OnRedis, BackendSuite):
    pass


class TestRedisLocks(OnRedis, LockStoreSuite):
    pass


class TestRedisWorkflows(OnRedis, WorkflowStoreSuite):
    pass


class TestRedisWorkflowsInAnotherDatabaseThanTheBroker(OnRedis, WorkflowStoreSuite):
    # It takes long, and is the same.
    test_w80_it_looks_like_the_memory_store_whatever_happens = None

    def make_store(self, app: KernelQ) -> WorkflowStore:
        return RedisWorkflowStore(app, app.broker_url.replace("/0", "/4"))


class TestRedisBrokerWithTheBackendInAnotherDatabase(OnRedis, BrokerSuite):
    # It takes long, and has no backend.
    test_b120_it_looks_like_the_memory_broker_whatever_happens = None

    def make_app(self, url: str) -> KernelQ:
        return KernelQ(
            "conformance", broker=url.replace("/0", "/3"), backend=url.replace("/0", "/5"), set_as_current=False
        )


class TestRedisBackendOnASocket(OnRedis, BackendSuite):
    def make_url(self, folder: Path) -> str:
        return f"unix://{self.server.folder}/redis.socket?prefix={uuid()}&db=2"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        folder = tmp_path_factory.mktemp("redis")
        with RedisServer(folder, unixsocket=f"{folder}/redis.socket") as cls.server:
            yield
