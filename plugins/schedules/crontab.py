"""`crontab`: at these minutes, hours and days of a zone's clock."""

from __future__ import annotations

import calendar
import datetime
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

from kernelq import KernelQ

from .contract import BaseSchedule, schedstate
from .fields import Cronspec, expand, text
from .stretches import DAY, offset_at, stretches
from .wording import in_words

_LONGEST = {month: calendar.monthrange(2024, month)[1] for month in range(1, 13)}  # a leap year
"""Month → days it has at most."""

_EPOCH = datetime.date(1970, 1, 1)

_STEPPED_FROM = 3
"""Hours that lie evenly over the day, this many or more, are steps; {0, 12} is twice a day at fixed hours."""


class crontab(BaseSchedule):
    """At the times that match all five fields: ``crontab(minute=0, hour="*/3", day_of_week="mon-fri")``.

    Mind the order of positional arguments, which is that of Celery: minute, hour, day_of_week, day_of_month, month_of_year; `from_string` takes the
    one of Unix. A field is a number, numbers, or text as in `crontab_parser`; all must match, the day of the week and that of
    the month too. Weekdays are 0 (Sunday) to 6.

    When clocks change: a time that is left out runs at the shifted instant (02:30 at 03:30), where it may meet another one, and then runs once.
    A time that is repeated runs at the first of the two only, if the hours are fixed ones: ``hour=1``, ``hour="3,17,22"``. If they are all hours, or steps
    through the whole day (``*``, ``*/2``, ``1-23/2``: three or more, evenly), it runs both times, because what is to be done every hour is not to pause
    for two. Celery leaves the repeated hour out there too.

    Raises:
        ParseException: a field is not in the grammar.
        ValueError: a number out of range, or days that no month has.
        TypeError: a field is something else.
    """

    kind = "crontab"

    def __init__(
        self,
        minute: Cronspec = "*",
        hour: Cronspec = "*",
        day_of_week: Cronspec = "*",
        day_of_month: Cronspec = "*",
        month_of_year: Cronspec = "*",
        *,
        nowfun: Callable[[], datetime.datetime] | None = None,
        app: KernelQ | None = None,
        tz: str | datetime.tzinfo | None = None,
    ) -> None:
        super().__init__(nowfun, app, tz=tz)
        self.minute = expand(minute, count=60, lowest=0, name="minute")
        self.hour = expand(hour, count=24, lowest=0, name="hour")
        self.day_of_week = expand(day_of_week, count=7, lowest=0, name="day_of_week")
        self.day_of_month = expand(day_of_month, count=31, lowest=1, name="day_of_month")
        self.month_of_year = expand(month_of_year, count=12, lowest=1, name="month_of_year")
        self._orig_minute, self._orig_hour = text(minute), text(hour)
        self._orig_day_of_week = text(day_of_week)
        self._orig_day_of_month, self._orig_month_of_year = text(day_of_month), text(month_of_year)
        if min(self.day_of_month) > max(_LONGEST[month] for month in self.month_of_year):
            raise ValueError(
                f"expected a day that some month has, got day_of_month {self._orig_day_of_month!r} "
                f"in month_of_year {self._orig_month_of_year!r}"
            )
        self._minutes = sorted(60 * hour + minute for hour in self.hour for minute in self.minute)
        self._is_stepped = _is_stepped(sorted(self.hour))
        self._months, self._days = sorted(self.month_of_year), sorted(self.day_of_month)

    @classmethod
    def from_string(cls, crontab: str, *, app: KernelQ | None = None, tz: str | datetime.tzinfo | None = None) -> Self:
        """The schedule of a line of a crontab file: minute, hour, day of the month, month, day of the week.

        Raises:
            ValueError: not five fields with one blank between each, or as the class says.
            ParseException: as the class says.
        """
        fields = crontab.split(" ")
        if len(fields) != 5 or not all(fields):
            raise ValueError(f"expected five fields with one blank between each, got {crontab!r}")
        minute, hour, day_of_month, month_of_year, day_of_week = fields
        return cls(minute, hour, day_of_week, day_of_month, month_of_year, app=app, tz=tz)

    # --- when

    def next_after(self, instant: float) -> float | None:
        """The first occurrence after `instant`; None after the year 9998."""
        tz = self.tz
        today = _EPOCH + datetime.timedelta(days=(instant + offset_at(instant, tz)) // DAY)
        yesterday = today - datetime.timedelta(days=1)
        sooner: list[float] = []
        found_on = yesterday
        # The day before may have times that clocks shifted, or show again, after `instant`; the day after some that come sooner.
        for day in self._dates(yesterday):
            if sooner and day > found_on + datetime.timedelta(days=1):
                break
            found, is_plain = self._first(day, instant, tz)
            if found is not None:
                if is_plain and not sooner:
                    return found
                found_on = found_on if sooner else day
                sooner.append(found)
        return min(sooner, default=None)

    def _first(self, day: datetime.date, instant: float, tz: datetime.tzinfo) -> tuple[float | None, bool]:
        """The first occurrence of a local day that is after `instant`, and whether the day is one without changes of clocks."""
        midnight = (day - _EPOCH).days * DAY
        parts = stretches(midnight, tz, twice=self._is_stepped)
        best: float | None = None
        for start, end, offset in parts:
            shown = offset - midnight  # add an instant: seconds of the day that the clock shows
            index = max(
                bisect_right(self._minutes, (instant + shown) / 60), bisect_left(self._minutes, (start + shown) / 60)
            )
            if index < len(self._minutes):
                found = 60 * self._minutes[index] - shown
                if found < end and (best is None or found < best):
                    best = found
        return best, len(parts) == 1

    def _dates(self, first: datetime.date) -> Iterator[datetime.date]:
        """The days from `first` on that match, in order. At most 40 years lie between two of them (Sundays on 29 February)."""
        for year in range(first.year, datetime.MAXYEAR):
            for month in self._months:
                if year == first.year and month < first.month:
                    continue
                length = calendar.monthrange(year, month)[1]
                for number in self._days:
                    if number > length:
                        break
                    day = datetime.date(year, month, number)
                    if day >= first and day.isoweekday() % 7 in self.day_of_week:
                        yield day

    def is_due(self, last_run_at: datetime.datetime) -> schedstate:
        """Whether an occurrence has come since `last_run_at`, and in how many seconds to ask again.

        With `beat_cron_starting_deadline`, one that is overdue by more than that many seconds is let go.
        """
        state = super().is_due(last_run_at)
        deadline = _deadline(self.app)
        if not state.is_due or deadline is None:
            return state
        now = self.now().timestamp()
        latest = self.next_after(math.nextafter(now - deadline, -math.inf))
        return schedstate(latest is not None and latest <= now, state.next)

    # --- written down

    def describe(self) -> str:
        """``at 02:30 on Monday to Friday``; the zone is named if the schedule has one of its own."""
        words = in_words(self.minute, self.hour, self.day_of_week, self.day_of_month, self.month_of_year)
        return words if self._tz is None else f"{words} ({self._tz})"

    def plain(self) -> dict[str, Any]:
        """``{"kind": "crontab", "minute": "0", "hour": "*/3", …}``, and ``tz`` if it has a zone of its own."""
        return self._plain(
            minute=self._orig_minute,
            hour=self._orig_hour,
            day_of_week=self._orig_day_of_week,
            day_of_month=self._orig_day_of_month,
            month_of_year=self._orig_month_of_year,
        )

    @classmethod
    def from_plain(cls, data: Mapping[str, Any], app: KernelQ | None = None) -> Self:
        """The schedule `plain` wrote down; a field that is missing is ``*``."""
        names = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
        return cls(*(data.get(name, "*") for name in names), app=app, tz=data.get("tz"))

    def line(self) -> str:
        """The five fields as a line of a crontab file, for `from_string`."""
        return (
            f"{self._orig_minute} {self._orig_hour} {self._orig_day_of_month} "
            f"{self._orig_month_of_year} {self._orig_day_of_week}"
        )

    def __repr__(self) -> str:
        return f"<crontab: {self.line()} (m/h/dM/MY/d)>"

    def _numbers(self) -> tuple[object, ...]:
        return self.minute, self.hour, self.day_of_week, self.day_of_month, self.month_of_year, self._tz

    def __eq__(self, other: object) -> bool:
        return self._numbers() == other._numbers() if isinstance(other, crontab) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._numbers())


def _deadline(app: KernelQ) -> float | None:
    """The setting of the plugin beat, which may not be there."""
    found: float | None = getattr(app.conf, "beat_cron_starting_deadline", None)
    return found


def _is_stepped(hours: Sequence[int]) -> bool:
    steps = {following - hour for hour, following in pairwise(hours)}
    if len(hours) < _STEPPED_FROM or len(steps) > 1:
        return False
    step = steps.pop()
    return hours[0] < step and hours[-1] + step > 23
