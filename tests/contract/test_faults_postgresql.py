"""The SQL drivers on PostgreSQL, with a bad network and a server that dies."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernelq import uuid
from kernelq.testing import BackendFaultSuite, BrokerFaultSuite
from servers import PostgresServer


class _OnPostgres:
    @pytest.fixture
    def server(self, postgres_server: PostgresServer) -> PostgresServer:
        return postgres_server

    def url_on(self, server: PostgresServer, folder: Path) -> str:
        return server.fresh(uuid()) + "?timeout=3"  # no statement here takes longer, on a busy machine either


class TestPostgresBrokerFaults(_OnPostgres, BrokerFaultSuite):
    publish_mark = fetch_mark = settle_mark = b"COMMIT"


class TestPostgresBackendFaults(_OnPostgres, BackendFaultSuite):
    write_mark = b"COMMIT"
