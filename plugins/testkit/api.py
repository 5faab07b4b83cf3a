"""What ``kernelq.testing`` offers. The suites need pytest and hypothesis, `start_worker` needs neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .running import start_worker

if TYPE_CHECKING:
    from .proxy import Proxy as Proxy
    from .suites import BackendFaultSuite as BackendFaultSuite
    from .suites import BackendSuite as BackendSuite
    from .suites import Behaviour as Behaviour
    from .suites import BrokerFaultSuite as BrokerFaultSuite
    from .suites import BrokerSuite as BrokerSuite
    from .suites import Column as Column
    from .suites import EndingLeases as EndingLeases
    from .suites import LockStoreSuite as LockStoreSuite
    from .suites import ScheduleStoreSuite as ScheduleStoreSuite
    from .suites import WorkflowStoreSuite as WorkflowStoreSuite
    from .suites import behaviours as behaviours
    from .suites import engines_table as engines_table
    from .suites import requires as requires

__all__ = [
    "BackendFaultSuite",
    "BackendSuite",
    "Behaviour",
    "BrokerFaultSuite",
    "BrokerSuite",
    "Column",
    "EndingLeases",
    "LockStoreSuite",
    "Proxy",
    "ScheduleStoreSuite",
    "WorkflowStoreSuite",
    "behaviours",
    "engines_table",
    "requires",
    "start_worker",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'kernelq.testing' has no attribute {name!r}")
    from . import proxy, suites

    return getattr(proxy if name == "Proxy" else suites, name)
