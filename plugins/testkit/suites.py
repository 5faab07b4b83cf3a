"""The conformance suites, with asserts that say what was compared."""

import pytest

# The suites are not test modules: without this their asserts would fail without saying what was compared.
pytest.register_assert_rewrite(
    *(
        f"{__package__}.{module}"
        for module in (
            "backend_outages",
            "book",
            "broker_bench",
            "broker_machine",
            "claiming",
            "closing",
            "dead_letters",
            "dying",
            "elsewhere",
            "fetching",
            "joining",
            "leasing",
            "lock_bench",
            "lock_suite",
            "lost_replies",
            "meeting_within",
            "outages",
            "outlasting",
            "publishing",
            "releasing",
            "revoking",
            "samples",
            "schedule_suite",
            "settling",
            "sharing",
            "side_by_side",
            "store_bench",
            "storing",
            "transacting",
            "undaunted",
            "watching",
            "workflow_bench",
            "workflow_suite",
        )
    )
)

from .backend_suite import BackendSuite  # noqa: E402
from .behaviour import Behaviour, behaviours, requires  # noqa: E402
from .broker_suite import BrokerSuite  # noqa: E402
from .engines_table import Column, engines_table  # noqa: E402
from .fault_suites import BackendFaultSuite, BrokerFaultSuite  # noqa: E402
from .lock_suite import LockStoreSuite  # noqa: E402
from .schedule_suite import EndingLeases, ScheduleStoreSuite  # noqa: E402
from .workflow_suite import WorkflowStoreSuite  # noqa: E402

__all__ = [
    "BackendFaultSuite",
    "BackendSuite",
    "Behaviour",
    "BrokerFaultSuite",
    "BrokerSuite",
    "Column",
    "EndingLeases",
    "LockStoreSuite",
    "ScheduleStoreSuite",
    "WorkflowStoreSuite",
    "behaviours",
    "engines_table",
    "requires",
]
