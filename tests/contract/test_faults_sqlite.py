"""The SQL drivers on SQLite, where processes may die but no server can."""

from __future__ import annotations

from pathlib import Path

from kernelq.testing import BrokerFaultSuite


class TestSqliteBrokerFaults(BrokerFaultSuite):
    def make_url(self, folder: Path) -> str:
        return f"sqlite:///{folder}/kernelq.sqlite3"
