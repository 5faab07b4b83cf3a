"""The AMQP broker keeps the contract on RabbitMQ, with quorum queues and with classic ones that have priorities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, cast

import pytest
from kernelq import KernelQ, uuid
from kernelq.amqp import AmqpEngine, Parcel
from kernelq.contracts import Backend, Broker, Capabilities, Message
from kernelq.testing import BackendSuite, BrokerSuite
from kernelq_plugins.backend_rpc.backend import RpcBackend
from kernelq_plugins.broker_amqp.broker import AmqpBroker
from msgspec.structs import replace
from servers import RabbitServer


class OnRabbit:
    """Every test has names of its own on the one server; the queues of a test go with it."""

    url: ClassVar[str]
    settings: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls, rabbit_server: RabbitServer) -> None:
        cls.url = rabbit_server.url

    def make_app(self, url: str) -> KernelQ:
        options = {"global_keyprefix": f"{uuid()}."}
        return KernelQ(
            "conformance", broker=url, broker_transport_options=options, set_as_current=False, **self.settings
        )

    def plant_garbage(self, broker: Broker, queue: str, raw: bytes) -> None:
        assert isinstance(broker, AmqpBroker)
        broker.consumer([queue], id="planter", lease=60.0).close()  # declares it
        prefix = self._prefix(broker)
        cast(AmqpEngine, broker._amqp).publish([Parcel("", prefix + queue, raw, {})])

    @staticmethod
    def _prefix(broker: AmqpBroker) -> str:
        return broker._plan.prefix


class TestQuorumQueues(OnRabbit, BrokerSuite):
    pass


class TestClassicQueuesWithPriorities(OnRabbit, BrokerSuite):
    settings: ClassVar[dict[str, Any]] = {"task_queue_max_priority": 10}


class Asked(RpcBackend):
    """The backend of a process that asked for all that is stored in it."""

    def apply(self, ops: Sequence[Any]) -> Sequence[Message]:
        return super().apply([replace(outcome, reply_to=self.reply_to) for outcome in ops])


class TestRpcBackend(OnRabbit, BackendSuite):
    """What the process that asked sees. No other one can read, so nothing is asked of several processes."""

    capabilities = Capabilities(push=True)

    @pytest.fixture
    def backend(self, app: KernelQ) -> Iterator[Backend]:
        backend = Asked(app, "rpc://")
        yield backend
        backend.close()
