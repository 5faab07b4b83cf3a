"""The Redis drivers, with a bad network and a server that dies."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernelq import uuid
from kernelq.testing import BackendFaultSuite, BrokerFaultSuite
from servers import RedisServer


class _OnRedis:
    @pytest.fixture
    def server(self, redis_server: RedisServer) -> RedisServer:
        return redis_server

    def url_on(self, server: RedisServer, folder: Path) -> str:
        return f"redis://127.0.0.1:{server.port}/0?prefix={uuid()}"


class TestRedisBrokerFaults(_OnRedis, BrokerFaultSuite):
    publish_mark = fetch_mark = settle_mark = b"EVALSHA"


class TestRedisBackendFaults(_OnRedis, BackendFaultSuite):
    write_mark = b"EVALSHA"
