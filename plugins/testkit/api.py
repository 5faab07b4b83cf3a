"""What ``kernelq.testing`` offers. The suites need pytest and hypothesis, `start_worker` needs neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .running import start_worker

if TYPE_CHECKING:
    from .suites import BackendSuite as BackendSuite
    from .suites import Behaviour as Behaviour
    from .suites import BrokerSuite as BrokerSuite
    from .suites import behaviours as behaviours
    from .suites import requires as requires

__all__ = ["BackendSuite", "Behaviour", "BrokerSuite", "behaviours", "requires", "start_worker"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'kernelq.testing' has no attribute {name!r}")
    from . import suites

    return getattr(suites, name)
