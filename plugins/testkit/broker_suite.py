"""The broker suite: every behaviour of the broker contract, for one driver."""

from __future__ import annotations

from hypothesis.stateful import run_state_machine_as_test
from kernelq import KernelQ
from kernelq.contracts import Broker

from .behaviour import requires
from .broker_machine import SETTINGS, BrokerMachine
from .dead_letters import DeadLetters
from .fetching import Fetching
from .leasing import Leasing
from .publishing import Publishing
from .revoking import Revoking
from .settling import Settling
from .sharing import Sharing
from .side_by_side import SideBySide
from .transacting import Transacting


class BrokerSuite(Publishing, Fetching, Settling, Leasing, DeadLetters, Sharing, Transacting, Revoking):
    """Subclass it in a test file as ``class TestMyBroker(BrokerSuite)`` and say `url` or `make_url`.

    What else a subclass may say: `BrokerBench`.
    """

    @requires("leases", "dedup", "inventory")
    def test_b120_it_looks_like_the_memory_broker_whatever_happens(self, broker: Broker) -> None:
        with KernelQ("model", broker="memory://", set_as_current=False) as app:
            pair = SideBySide(broker, app.broker, self.set_clock)

            class Machine(BrokerMachine):
                def __init__(self) -> None:
                    super().__init__(pair)

            run_state_machine_as_test(Machine, settings=SETTINGS)
