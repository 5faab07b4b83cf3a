"""The AMQP broker on RabbitMQ, with a bad network and a server that dies."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import pytest
from kernelq import KernelQ, uuid
from kernelq.testing import BrokerFaultSuite
from servers import RabbitServer


class TestRabbitBrokerFaults(BrokerFaultSuite):
    takes_root = 8.0  # RabbitMQ 3.10: a quorum queue killed sooner never finds a leader again

    @cached_property
    def prefix(self) -> str:
        """What the names of one test begin with, whoever uses them."""
        return f"{uuid()}."

    def make_app(self, url: str) -> KernelQ:
        options = {"global_keyprefix": self.prefix}
        return KernelQ("conformance", broker=url, broker_transport_options=options, set_as_current=False)

    @pytest.fixture
    def server(self, rabbit_server: RabbitServer) -> RabbitServer:
        return rabbit_server

    def url_on(self, server: RabbitServer, folder: Path) -> str:
        return server.url
