"""The broker suite: every behaviour of the broker contract, for one driver."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from hypothesis.stateful import run_state_machine_as_test

from .broker_machine import SETTINGS, BrokerMachine
from .dead_letters import DeadLetters
from .fetching import Fetching
from .leasing import Leasing
from .publishing import Publishing
from .settling import Settling
from .sharing import Sharing
from .transacting import Transacting


class BrokerSuite(Publishing, Fetching, Settling, Leasing, DeadLetters, Sharing, Transacting):
    """Subclass it in a test file as ``class TestMyBroker(BrokerSuite)`` and say `url` or `make_url`.

    What else a subclass may say: `BrokerBench`.
    """

    def test_b120_it_looks_like_the_memory_broker_whatever_happens(self, tmp_path: Path) -> None:
        suite, numbers = self, count()

        class Machine(BrokerMachine):
            def __init__(self) -> None:
                folder = tmp_path / f"example-{next(numbers)}"
                folder.mkdir()
                super().__init__(suite, suite.make_url(folder))

        run_state_machine_as_test(Machine, settings=SETTINGS)
