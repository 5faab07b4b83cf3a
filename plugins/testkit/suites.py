"""The conformance suites, with asserts that say what was compared."""

import pytest

# The suites are not test modules: without this their asserts would fail without saying what was compared.
pytest.register_assert_rewrite(
    *(
        f"{__package__}.{module}"
        for module in (
            "book",
            "broker_bench",
            "broker_machine",
            "dead_letters",
            "elsewhere",
            "fetching",
            "leasing",
            "publishing",
            "samples",
            "settling",
            "sharing",
            "side_by_side",
            "storing",
            "transacting",
            "watching",
        )
    )
)

from .backend_suite import BackendSuite  # noqa: E402
from .behaviour import Behaviour, behaviours, requires  # noqa: E402
from .broker_suite import BrokerSuite  # noqa: E402

__all__ = ["BackendSuite", "Behaviour", "BrokerSuite", "behaviours", "requires"]
