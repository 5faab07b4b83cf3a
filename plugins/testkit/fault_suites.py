"""The fault suites: every behaviour that shows only when something goes wrong outside the driver."""

from __future__ import annotations

from .backend_outages import BackendOutages
from .dying import Dying
from .lost_replies import LostReplies
from .outages import Outages


class BrokerFaultSuite(LostReplies, Outages, Dying):
    """Subclass it beside `BrokerSuite`, with the fixture `server` and the method `url_on`.

    What else a subclass may say: `FaultBench` and `BrokerFaultBench`.
    """


class BackendFaultSuite(BackendOutages):
    """Subclass it beside `BackendSuite`, with the fixture `server` and the method `url_on`.

    What else a subclass may say: `FaultBench` and `BackendFaultBench`.
    """
