"""Crontabs when clocks change: the cases of the reference, and every zone of the world against a walk minute by minute."""

from __future__ import annotations

import datetime
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import pytest
from dateutil import tz as dateutil_zones
from kernelq import crontab

HOUR = 3600
FIRST = int(datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC).timestamp())
LAST = int(datetime.datetime(2029, 1, 1, tzinfo=datetime.UTC).timestamp())
BEFORE, AFTER = 6 * HOUR, 27 * HOUR
"""How far on both sides of a change is walked."""

BOTH_PASSES = ["0 * * * *", "*/30 * * * *", "45 */2 * * *", "10 1-23/2 * * *"]
"""Hours that go through the day evenly: what is repeated runs twice."""

FIRST_PASS = ["30 1 * * *", "0 0 * * *", "*/20 0,2,3 * * *", "59 23 * * *", "30 2 * * sun", "15 */12 * * *"]
"""Fixed hours: once for each local time."""


def times(line: str, zone: str, start: str, count: int) -> list[str]:
    """So many occurrences after a local time, each as local time with its offset."""
    schedule = crontab.from_string(line, tz=zone)
    instant = datetime.datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).timestamp()
    found = []
    for _ in range(count):
        instant = following(schedule, instant)
        found.append(datetime.datetime.fromtimestamp(instant, ZoneInfo(zone)).strftime("%H:%M%z"))
    return found


def following(schedule: crontab, instant: float) -> float:
    found = schedule.next_after(instant)
    assert found is not None
    return found


# --- the reference's cases ---------------------------------------------------------------------------


def test_a_fixed_time_that_is_repeated_runs_at_the_first_only() -> None:
    assert times("30 1 * * *", "Europe/London", "2025-10-25 12:00", 2) == ["01:30+0100", "01:30+0000"]
    assert times("30 1 * * *", "Europe/London", "2025-10-26 00:00", 2) == ["01:30+0100", "01:30+0000"]  # the next day


def test_hourly_runs_every_real_hour_where_one_is_repeated() -> None:
    assert times("0 * * * *", "Europe/London", "2025-10-25 23:30", 4) == [
        "00:00+0100", "01:00+0100", "01:00+0000", "02:00+0000",
    ]  # fmt: skip


def test_half_hourly_runs_every_real_half_hour_where_one_is_repeated() -> None:
    assert times("*/30 * * * *", "Europe/London", "2025-10-26 00:30", 5) == [
        "01:00+0100", "01:30+0100", "01:00+0000", "01:30+0000", "02:00+0000",
    ]  # fmt: skip


def test_a_fixed_time_that_is_left_out_runs_at_the_shifted_instant() -> None:
    assert times("30 2 * * *", "Europe/Berlin", "2025-03-29 12:00", 2) == ["03:30+0200", "02:30+0200"]


def test_hourly_runs_every_real_hour_where_one_is_left_out() -> None:
    assert times("0 * * * *", "Europe/Berlin", "2025-03-30 00:30", 3) == ["01:00+0100", "03:00+0200", "04:00+0200"]


def test_a_left_out_time_and_the_one_it_is_shifted_to_are_one_occurrence() -> None:
    assert times("0 2,3 * * *", "Europe/Berlin", "2025-03-29 12:00", 3) == ["03:00+0200", "02:00+0200", "03:00+0200"]


def test_a_midnight_that_is_left_out_belongs_to_its_own_day() -> None:
    assert times("0 0 * * sun", "America/Santiago", "2025-09-06 12:00", 2) == ["01:00-0300", "00:00-0300"]


def test_a_repeated_midnight_runs_once() -> None:
    assert times("0 0 * * *", "America/Havana", "2025-11-01 12:00", 2) == ["00:00-0400", "00:00-0500"]


def test_a_shift_of_half_an_hour_is_half_an_hour() -> None:
    assert times("15 2 * * *", "Australia/Lord_Howe", "2025-10-04 12:00", 2) == ["02:45+1100", "02:15+1100"]
    assert times("45 1 * * *", "Australia/Lord_Howe", "2025-04-05 12:00", 2) == ["01:45+1100", "01:45+1030"]


def test_a_day_that_is_left_out_runs_with_the_next() -> None:
    samoa = crontab.from_string("0 10 30,31 12 *", tz="Pacific/Apia")  # there was no 30 December 2011

    instant = following(samoa, datetime.datetime(2011, 12, 29, tzinfo=datetime.UTC).timestamp())

    assert datetime.datetime.fromtimestamp(instant, ZoneInfo("Pacific/Apia")).isoformat() == "2011-12-31T10:00:00+14:00"
    assert following(samoa, instant) > instant + 300 * 24 * HOUR


@pytest.mark.parametrize("line", BOTH_PASSES + FIRST_PASS)
def test_zones_of_dateutil_are_as_those_of_zoneinfo(line: str) -> None:
    zone = dateutil_zones.gettz("Europe/Berlin")
    ours, theirs = crontab.from_string(line, tz="Europe/Berlin"), crontab.from_string(line, tz=zone)

    for change in ("2025-03-29", "2025-10-25"):
        instant = datetime.datetime.fromisoformat(f"{change}T20:00+00:00").timestamp()
        assert [following(ours, instant + n * 600) for n in range(48)] == [
            following(theirs, instant + n * 600) for n in range(48)
        ]


# --- every zone --------------------------------------------------------------------------------------


class Shown(NamedTuple):
    """A minute on a clock."""

    instant: int
    local: datetime.datetime
    again: bool
    """Whether the clock has shown it before."""


@cache
def clock(name: str, jump: int) -> list[Shown]:
    """What the clock shows around a jump, minute by minute, and what it left out at the instants when it would have shown it."""
    zone, minute = ZoneInfo(name), datetime.timedelta(minutes=1)
    seen: set[datetime.datetime] = set()
    found: list[Shown] = []
    left_out: list[Shown] = []
    expected: datetime.datetime | None = None
    for instant in range(jump - BEFORE, jump + AFTER, 60):
        local = datetime.datetime.fromtimestamp(instant, zone).replace(tzinfo=None, fold=0)
        late = int((local - (expected or local)) / minute)
        left_out.extend(Shown(instant + 60 * n, local - (late - n) * minute, False) for n in range(late))
        found.append(Shown(instant, local, local in seen))
        seen.add(local)
        expected = local + minute
    return found + left_out


def walk(line: str, shown: list[Shown]) -> list[int]:
    """The occurrences among the minutes of a clock."""
    minute, hour, _, _, weekday = line.split(" ")
    minutes, hours = listed(minute, 60), listed(hour, 24)
    weekdays = {6} if weekday == "sun" else set(range(7))
    due = {
        each.instant
        for each in shown
        if each.local.minute in minutes and each.local.hour in hours and each.local.weekday() in weekdays
        if line in BOTH_PASSES or not each.again
    }
    return sorted(due)


def listed(field: str, count: int) -> set[int]:
    """The numbers of such fields as are used here."""
    whole, _, step = field.partition("/")
    first, _, last = whole.partition("-")
    if whole == "*" or last:
        return set(range(int(first) if last else 0, count, int(step or 1)))
    return {int(each) for each in whole.split(",")}


def offset(instant: int, zone: ZoneInfo) -> datetime.timedelta:
    found = datetime.datetime.fromtimestamp(instant, zone).utcoffset()
    assert found is not None
    return found


def changes(zone: ZoneInfo) -> Iterator[int]:
    """The instants of five years at which a zone's clock jumps."""
    offsets = [(day, offset(day, zone)) for day in range(FIRST, LAST + 1, 24 * HOUR)]
    for (day, before), (_, after) in pairwise(offsets):
        if before != after:
            yield next(each for each in range(day, day + 24 * HOUR + 1, 60) if offset(each, zone) == after)


@cache
def rules() -> dict[tuple[Any, ...], list[str]]:
    """The ways in which clocks go in these five years → the zones that go so."""
    found: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        jumps = tuple(changes(zone))
        found[(offset(FIRST, zone), tuple((jump, offset(jump, zone)) for jump in jumps), jumps)].append(name)
    return dict(found)


def test_all_zones_of_the_world_are_walked() -> None:
    assert sum(map(len, rules().values())) == len(available_timezones()) > 400
    assert sum(len(rule[-1]) for rule in rules()) > 300  # the jumps


@pytest.mark.parametrize("line", BOTH_PASSES + FIRST_PASS)
def test_every_zone_loses_and_doubles_nothing_in_five_years(line: str) -> None:
    for rule, names in rules().items():
        schedule = crontab.from_string(line, tz=names[0])
        for jump in rule[-1] or [FIRST]:
            expected = walk(line, clock(names[0], jump))
            instant: float = jump - BEFORE - 1
            found = []
            while (instant := following(schedule, instant)) < jump + AFTER:
                found.append(instant)
            assert found == expected, (line, names)
            for asked in range(jump - 3 * HOUR, jump + 3 * HOUR, 2500):
                still = expected[bisect_right(expected, asked) :]
                assert not still or following(schedule, asked) == still[0], (line, names, asked)
