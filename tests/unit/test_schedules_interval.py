"""Intervals: elapsed time, or rounded by the clock."""

from __future__ import annotations

import datetime
import math
import pickle
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from kernelq import KernelQ, schedule
from kernelq.schedules import from_plain

NOON = datetime.datetime(2025, 7, 1, 12, tzinfo=datetime.UTC)


def test_an_interval_is_due_when_it_is_over(app: KernelQ) -> None:
    often = schedule(30, app=app, nowfun=lambda: NOON)

    assert often.is_due(NOON - datetime.timedelta(seconds=30)) == (True, 30)
    assert often.is_due(NOON - datetime.timedelta(seconds=20)) == (False, 10)


def test_an_interval_counts_elapsed_time_when_clocks_change() -> None:
    before = datetime.datetime(2025, 10, 26, 0, tzinfo=ZoneInfo("Europe/London"))

    assert schedule(7200, tz="Europe/London").next_after(before.timestamp()) == before.timestamp() + 7200


@pytest.mark.parametrize(
    ("every", "last", "expected"),
    [
        ({"seconds": 45}, "12:34:56", "2025-07-01 12:35:41"),
        ({"minutes": 5}, "12:34:56", "2025-07-01 12:39:00"),
        ({"hours": 2}, "12:34:56", "2025-07-01 14:00:00"),
        ({"minutes": 90}, "12:34:56", "2025-07-01 14:00:00"),
        ({"days": 1}, "12:34:56", "2025-07-02 00:00:00"),
        ({"days": 7, "hours": 12}, "12:34:56", "2025-07-09 00:00:00"),
    ],
)
def test_a_relative_interval_is_rounded_by_the_clock(every: dict[str, int], last: str, expected: str) -> None:
    zone = ZoneInfo("Asia/Kolkata")  # five and a half hours ahead
    relative = schedule(datetime.timedelta(**every), relative=True, tz="Asia/Kolkata")

    found = relative.next_after(datetime.datetime.fromisoformat(f"2025-07-01T{last}").replace(tzinfo=zone).timestamp())

    assert datetime.datetime.fromtimestamp(found, zone) == datetime.datetime.fromisoformat(expected).replace(
        tzinfo=zone
    )


def test_a_relative_day_is_one_of_the_calendar_when_clocks_change() -> None:
    zone = ZoneInfo("Europe/Berlin")
    daily = schedule(datetime.timedelta(days=1), relative=True, tz="Europe/Berlin")
    midnight = datetime.datetime(2025, 10, 26, tzinfo=zone).timestamp()

    assert daily.next_after(midnight) == midnight + 25 * 3600


def test_a_relative_interval_never_ends_before_it_began() -> None:
    howe = ZoneInfo("Australia/Lord_Howe")  # repeats half an hour
    hourly, daily = (schedule(each, relative=True, tz="Australia/Lord_Howe") for each in (3600, 86400))
    change = int(datetime.datetime(2025, 4, 6, 1, tzinfo=howe).timestamp())

    for instant in range(change, change + 3 * 3600, 60):
        assert instant < hourly.next_after(instant) <= instant + 3600
        assert instant < daily.next_after(instant) <= instant + 25 * 3600


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.5, "<freq: now>"),
        (1, "<freq: 1.00 second>"),
        (10, "<freq: 10.00 seconds>"),
        (90, "<freq: 1.50 minutes>"),
        (3600, "<freq: 1.00 hour>"),
        (172_800, "<freq: 2.00 days>"),
    ],
)
def test_the_repr_of_an_interval_tells_it_in_its_largest_unit(seconds: float, expected: str) -> None:
    assert repr(schedule(seconds)) == expected


def test_an_interval_equals_its_timedelta() -> None:
    assert schedule(10) == schedule(datetime.timedelta(seconds=10)) == datetime.timedelta(seconds=10)
    assert schedule(10) != schedule(11)
    assert schedule(10) != schedule(10, relative=True)
    assert hash(schedule(10)) == hash(datetime.timedelta(seconds=10))


def test_an_interval_survives_pickle_and_stores(app: KernelQ) -> None:
    made = schedule(datetime.timedelta(minutes=1, microseconds=500), relative=True, app=app)

    assert made.plain() == {"kind": "schedule", "every": 60.0005, "relative": True}
    assert pickle.loads(pickle.dumps(made)) == made == from_plain(made.plain())


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (0, ValueError),
        (-1, ValueError),
        (datetime.timedelta(), ValueError),
        ("10", TypeError),
        (True, TypeError),
        (None, TypeError),
        (math.nan, TypeError),
        (math.inf, TypeError),
    ],
)
def test_what_is_no_interval_is_refused(given: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="expected an interval"):
        schedule(given)
