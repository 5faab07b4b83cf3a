"""`schedule`: every so many seconds."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from typing import Any, Self

from kernelq import KernelQ

from .contract import BaseSchedule, schedstate
from .wording import duration

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
"""Name → seconds."""


class schedule(BaseSchedule):
    """Every `run_every`, seconds or a timedelta, of elapsed time, whatever the clocks do.

    `relative` rounds by the clock: an interval of a day or more goes by days of the calendar and ends at midnight, one of an hour or more on the hour,
    one of a minute or more on the minute, in the schedule's zone.
    """

    kind = "schedule"

    def __init__(
        self,
        run_every: float | datetime.timedelta,
        relative: bool = False,
        nowfun: Callable[[], datetime.datetime] | None = None,
        app: KernelQ | None = None,
        *,
        tz: str | datetime.tzinfo | None = None,
    ) -> None:
        super().__init__(nowfun, app, tz=tz)
        self.run_every = _interval(run_every)
        self.relative = relative

    @property
    def seconds(self) -> float:
        """The interval."""
        return self.run_every.total_seconds()

    @property
    def human_seconds(self) -> str:
        """The interval as ``1.50 minutes``."""
        for unit, size in _UNITS:
            if self.seconds >= size:
                count = f"{self.seconds / size:.2f}"
                return f"{count} {unit}" if count == "1.00" else f"{count} {unit}s"
        return "now"

    def next_after(self, instant: float) -> float:
        """One interval after `instant`; with `relative`, rounded down by the clock."""
        if not self.relative or self.seconds < 60:
            return instant + self.seconds
        if self.seconds >= 86400:
            return self._midnight(instant)
        local = datetime.datetime.fromtimestamp(instant + self.seconds, self.tz)
        past = local.second + local.microsecond / 1e6 + (60 * local.minute if self.seconds >= 3600 else 0)
        # Elapsed time is taken away, not the clock set: where an hour is repeated, that could lead behind `instant`.
        return instant + self.seconds - past

    def _midnight(self, instant: float) -> float:
        """The start of the local day that is one interval of the calendar away."""
        tz = self.tz
        day = (datetime.datetime.fromtimestamp(instant, tz).replace(tzinfo=None) + self.run_every).date()
        start = datetime.datetime.combine(
            day, datetime.time(), tz
        )  # missing: shifted, as a crontab's; repeated: the first
        found = start.timestamp()
        return found if found > instant else start.replace(fold=1).timestamp()

    def is_due(self, last_run_at: datetime.datetime) -> schedstate:
        """Whether the interval is over, and in how many seconds to ask again: one interval if it is due, rounded if `relative`."""
        state = super().is_due(last_run_at)
        return schedstate(True, self.seconds) if state.is_due and not self.relative else state

    def describe(self) -> str:
        """``every 90 minutes``."""
        return f"every {duration(self.seconds)}{', by the clock' if self.relative else ''}"

    def plain(self) -> dict[str, Any]:
        """``{"kind": "schedule", "every": seconds, "relative": …}``."""
        return self._plain(every=self.seconds, relative=self.relative)

    @classmethod
    def from_plain(cls, data: Mapping[str, Any], app: KernelQ | None = None) -> Self:
        """The schedule `plain` wrote down."""
        return cls(data["every"], bool(data.get("relative")), app=app, tz=data.get("tz"))

    def __repr__(self) -> str:
        return f"<freq: {self.human_seconds}>"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, schedule):
            return (self.run_every, self.relative, self._tz) == (other.run_every, other.relative, other._tz)
        return self.run_every == other

    def __hash__(self) -> int:
        return hash(self.run_every)


def _interval(value: object) -> datetime.timedelta:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        value = datetime.timedelta(seconds=value)
    if not isinstance(value, datetime.timedelta):
        raise TypeError(f"expected an interval as seconds or a timedelta, got {value!r}")
    if value <= datetime.timedelta():
        raise ValueError(f"expected an interval of more than 0 seconds, got {value!r}")
    return value
