"""The SQL drivers keep the contracts on SQLite."""

from __future__ import annotations

from pathlib import Path

from kernelq.testing import BackendSuite, BrokerSuite


class TestSqliteBroker(BrokerSuite):
    def make_url(self, folder: Path) -> str:
        return f"sqlite:///{folder}/kernelq.sqlite3"


class TestSqliteBackend(BackendSuite):
    def make_url(self, folder: Path) -> str:
        return f"sqlite:///{folder}/kernelq.sqlite3"
