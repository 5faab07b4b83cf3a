"""The SQL drivers on MariaDB, with a bad network and a server that dies."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernelq import uuid
from kernelq.testing import BackendFaultSuite, BrokerFaultSuite
from servers import MariaServer


class _OnMaria:
    @pytest.fixture
    def server(self, maria_server: MariaServer) -> MariaServer:
        return maria_server

    def url_on(self, server: MariaServer, folder: Path) -> str:
        return server.fresh(uuid()) + "?timeout=3"  # no statement here takes longer, on a busy machine either


class TestMariaBrokerFaults(_OnMaria, BrokerFaultSuite):
    publish_mark = fetch_mark = settle_mark = b"COMMIT"


class TestMariaBackendFaults(_OnMaria, BackendFaultSuite):
    write_mark = b"COMMIT"
