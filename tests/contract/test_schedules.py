"""The schedule stores keep their contract."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernelq import KernelQ, uuid
from kernelq.beat import ScheduleStore
from kernelq.testing import EndingLeases, ScheduleStoreSuite
from servers import MariaServer, PostgresServer, RedisServer


class TestFileSchedules(ScheduleStoreSuite):
    has_broker = False

    def make_url(self, folder: Path) -> str:
        return f"file://{folder}/celerybeat-schedule"


class TestSqliteSchedules(EndingLeases, ScheduleStoreSuite):
    def make_url(self, folder: Path) -> str:
        return f"sqlite:///{folder}/kernelq.sqlite3"


class TestPostgresSchedules(EndingLeases, ScheduleStoreSuite):
    @pytest.fixture
    def engine_url(self, postgres_server: PostgresServer) -> str:
        return postgres_server.fresh(uuid())


class TestMariaSchedules(EndingLeases, ScheduleStoreSuite):
    @pytest.fixture
    def engine_url(self, maria_server: MariaServer) -> str:
        return maria_server.fresh(uuid())


class TestRedisSchedules(EndingLeases, ScheduleStoreSuite):
    @pytest.fixture
    def engine_url(self, redis_server: RedisServer) -> str:
        return f"redis://127.0.0.1:{redis_server.port}/0?prefix={uuid()}"


class TestRedisSchedulesInAnotherDatabaseThanTheBroker(TestRedisSchedules):
    def make_store(self, app: KernelQ, url: str) -> ScheduleStore:
        return super().make_store(app, url.replace("/0", "/4"))
