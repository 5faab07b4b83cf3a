"""What ``kernelq.beat`` offers: schedulers and entries to build upon, and the contract of schedule stores."""

from __future__ import annotations

from .contract import (
    Board,
    Claim,
    Ended,
    Mark,
    NotLeading,
    Op,
    Open,
    ScheduleStore,
    Sent,
    instant_of,
    namespace_of,
    ticks_of,
)
from .entry import BeatLazyFunc, ScheduleEntry
from .persistent import PersistentScheduler
from .running import Beat
from .scheduler import Scheduler, SchedulingError, event_t
from .service import EmbeddedService, Service

__all__ = [
    "Beat", "BeatLazyFunc", "Board", "Claim", "EmbeddedService", "Ended", "Mark", "NotLeading", "Op", "Open",
    "PersistentScheduler", "ScheduleEntry", "ScheduleStore", "Scheduler", "SchedulingError", "Sent", "Service",
    "event_t", "instant_of", "namespace_of", "ticks_of",
]  # fmt: skip
