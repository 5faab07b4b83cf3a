"""The SQL drivers keep the contracts on SQLite."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from kernelq.contracts import Broker
from kernelq.sql import SqlEngine
from kernelq.testing import BackendSuite, BrokerSuite, LockStoreSuite, WorkflowStoreSuite
from kernelq_plugins.broker_sql.broker import SqlBroker
from kernelq_plugins.broker_sql.tables import messages
from sessions import OwnSessions
from sqlalchemy import insert


class TestSqliteBroker(OwnSessions, BrokerSuite):
    def make_url(self, folder: Path) -> str:
        return f"sqlite:///{folder}/kernelq.sqlite3"

    def plant_garbage(self, broker: Broker, queue: str, raw: bytes) -> None:
        assert isinstance(broker, SqlBroker)
        row = {"key": "garbage", "queue": queue, "priority": 0, "published_at": broker.now(), "blob": raw}
        with cast(SqlEngine, broker.engine).begin() as connection:
            connection.execute(insert(messages), row)


class TestSqliteBackend(BackendSuite):
    def make_url(self, folder: Path) -> str:
        return f"sqlite:///{folder}/kernelq.sqlite3"


class TestSqliteLocks(LockStoreSuite):
    def make_url(self, folder: Path) -> str:
        return f"sqlite:///{folder}/kernelq.sqlite3"


class TestSqliteWorkflows(WorkflowStoreSuite):
    def make_url(self, folder: Path) -> str:
        return f"sqlite:///{folder}/kernelq.sqlite3"
