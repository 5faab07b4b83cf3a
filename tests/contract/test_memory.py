"""The memory drivers keep the contracts."""

from __future__ import annotations

from kernelq.contracts import Broker, Capabilities
from kernelq.testing import BackendSuite, BrokerSuite, LockStoreSuite, WorkflowStoreSuite
from kernelq_plugins.broker_memory.broker import MemoryBroker
from kernelq_plugins.broker_memory.ledger import Ledger


class TestMemoryBroker(BrokerSuite):
    url = "memory://"

    def plant_garbage(self, broker: Broker, queue: str, raw: bytes) -> None:
        assert isinstance(broker, MemoryBroker)
        ledger = broker.engine.space("broker", Ledger)
        ledger.add("garbage", queue, raw, priority=0, due=0.0, now=broker.engine.now())


class TestMemoryBackend(BackendSuite):
    url = "memory://"
    capabilities = Capabilities()


class TestMemoryLocks(LockStoreSuite):
    url = "memory://"
    capabilities = Capabilities(leases=True, transactions=True)


class TestMemoryWorkflows(WorkflowStoreSuite):
    url = "memory://"
    capabilities = Capabilities(leases=True, transactions=True)
