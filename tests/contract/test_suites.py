"""The suites themselves: their numbering, and what they skip."""

from __future__ import annotations

import pytest
from kernelq.contracts import Capabilities
from kernelq.testing import (
    BackendFaultSuite,
    BackendSuite,
    BrokerFaultSuite,
    BrokerSuite,
    LockStoreSuite,
    WorkflowStoreSuite,
    behaviours,
    requires,
)
from kernelq_plugins.testkit.behaviour import skip_unless_able

SUITES: list[type[object]] = [
    BrokerSuite,
    BackendSuite,
    BrokerFaultSuite,
    BackendFaultSuite,
    WorkflowStoreSuite,
    LockStoreSuite,
]


@pytest.mark.parametrize("suite", SUITES)
def test_every_test_of_a_suite_is_a_numbered_behaviour(suite: type[object]) -> None:
    numbers = [behaviour.number for behaviour in behaviours(suite)]

    assert len(set(numbers)) == len(numbers)
    assert len(numbers) == sum(name.startswith("test_") for name in dir(suite))


def test_a_number_means_one_behaviour_in_all_suites() -> None:
    numbers = [behaviour.number for suite in SUITES for behaviour in behaviours(suite)]

    assert len(set(numbers)) == len(numbers)


def test_a_behaviour_says_whether_it_needs_a_server() -> None:
    found = {behaviour.number: behaviour for behaviour in behaviours(BrokerFaultSuite)}

    assert found["b200"].needs_server
    assert not found["b240"].needs_server


def test_a_behaviour_says_its_sentence_and_its_needs() -> None:
    found = {behaviour.number: behaviour for behaviour in behaviours(BrokerSuite)}

    assert found["b40"].sentence == "an acked message is forgotten"
    assert found["b40"].requires == ()
    assert found["b107"].requires == ("processes", "leases")


def test_a_behaviour_is_skipped_without_its_capability() -> None:
    @requires("delay", "priorities")
    def behaviour() -> None: ...

    skip_unless_able(behaviour, Capabilities(delay=True, priorities=2))

    with pytest.raises(pytest.skip.Exception, match="'priorities'"):
        skip_unless_able(behaviour, Capabilities(delay=True, priorities=1))
    with pytest.raises(pytest.skip.Exception, match="'delay'"):
        skip_unless_able(behaviour, Capabilities(priorities=10))


def test_requiring_an_unknown_capability_is_an_error() -> None:
    with pytest.raises(ValueError, match="no such capability: telepathy"):
        requires("delay", "telepathy")
