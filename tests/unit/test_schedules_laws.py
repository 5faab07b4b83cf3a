"""What holds for every crontab, in every zone, at every instant."""

from __future__ import annotations

import datetime
import json
import pickle
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernelq import crontab, schedule, solar
from kernelq.schedules import ParseException, from_plain

AT_ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # which measure the machine

ZONES = (
    "UTC",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Pacific/Apia",
)
RANGES = {"minute": (0, 59), "hour": (0, 23), "day_of_month": (1, 31), "month_of_year": (1, 12), "day_of_week": (0, 6)}
"""Field → lowest and highest number, in the order of a line."""

DAY = 86400

instants = st.floats(0, 4e9) | st.integers(0, 4_000_000_000).map(float)


def parts(name: str) -> st.SearchStrategy[str]:
    low, high = RANGES[name]
    number = st.integers(low, high).map(str)
    spans = st.tuples(number, number).map("-".join) | st.just("*")
    stepped = st.tuples(spans, st.integers(1, high + 1).map(str)).map("/".join)
    return number | spans | stepped


def fields(name: str) -> st.SearchStrategy[str]:
    return st.just("*") | st.lists(parts(name), min_size=1, max_size=3).map(",".join)


@st.composite
def crontabs(draw: st.DrawFn) -> crontab:
    zone = draw(st.sampled_from(ZONES))
    while True:
        line = " ".join(draw(fields(name)) for name in RANGES)
        try:
            return crontab.from_string(line, tz=zone)
        except ValueError as error:
            assert "some month has" in str(error)  # noqa: PT017  (drawn again)


def shown(instant: float, schedule: crontab) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(instant, schedule.tz)


def matches(local: datetime.datetime, schedule: crontab) -> bool:
    return (
        local.minute in schedule.minute
        and local.hour in schedule.hour
        and local.day in schedule.day_of_month
        and local.month in schedule.month_of_year
        and local.isoweekday() % 7 in schedule.day_of_week
    )


@AT_ANY_SPEED
@given(crontabs())
def test_a_crontab_is_made_again_of_its_repr_its_plain_form_and_its_pickle(made: crontab) -> None:
    line = repr(made).removeprefix("<crontab: ").removesuffix(" (m/h/dM/MY/d)>")

    for copy in (
        crontab.from_string(line, tz=made.tz),
        from_plain(json.loads(json.dumps(made.plain()))),
        pickle.loads(pickle.dumps(made)),
    ):
        assert copy == made
        assert hash(copy) == hash(made)
        assert repr(copy) == repr(made)


@AT_ANY_SPEED
@given(crontabs(), instants)
def test_the_next_occurrence_is_later_and_its_own_minute_matches(made: crontab, instant: float) -> None:
    found = made.next_after(instant)

    assert found is not None
    assert found > instant
    assert found % 60 == 0
    # Or the clock left out a time that matches, and showed this one when it was due.
    left_out = [shown(found - DAY, made).utcoffset(), shown(found - 3 * 3600, made).utcoffset()]
    then = datetime.datetime.fromtimestamp(found, datetime.UTC)
    assert matches(shown(found, made), made) or any(matches(then + gap, made) for gap in left_out if gap is not None)


@AT_ANY_SPEED
@given(crontabs(), instants, instants)
def test_who_asks_later_never_hears_of_an_earlier_occurrence(made: crontab, one: float, other: float) -> None:
    first, second = (made.next_after(each) for each in sorted((one, other)))

    assert first is not None
    assert second is not None
    assert first <= second


@AT_ANY_SPEED
@given(crontabs(), instants, st.floats(0, 1))
def test_asking_on_the_way_to_an_occurrence_changes_nothing(made: crontab, instant: float, way: float) -> None:
    found = made.next_after(instant)
    assert found is not None

    between = instant + way * (found - instant)

    assert between >= found or made.next_after(between) == found


@AT_ANY_SPEED
@given(
    crontabs(), st.sampled_from((1743292800, 1761433200, 1743868800, 1757217600, 1745532000)), st.integers(-1440, 1440)
)
def test_an_occurrence_never_comes_twice(made: crontab, change: int, minutes: int) -> None:
    instant: float = change + 60 * minutes
    seen: set[tuple[datetime.datetime, int]] = set()
    for _ in range(20):
        following = made.next_after(instant)
        assert following is not None
        local = shown(following, made)
        assert (local.replace(tzinfo=None, fold=0), local.fold) not in seen
        seen.add((local.replace(tzinfo=None, fold=0), local.fold))
        instant = following


@AT_ANY_SPEED
@given(st.floats(1e-6, 1e8), st.booleans(), instants, st.sampled_from(ZONES))
def test_an_interval_ends_later_and_within_its_length(every: float, relative: bool, instant: float, zone: str) -> None:
    made = schedule(every, relative, tz=zone)

    found = made.next_after(instant)

    assert instant < found <= instant + every + 2 * DAY  # clocks went back, or over the date line
    assert from_plain(json.loads(json.dumps(made.plain()))) == made


@AT_ANY_SPEED
@given(
    st.sampled_from(("dawn_civil", "sunrise", "solar_noon", "sunset", "dusk_astronomical")),
    st.floats(-89, 89),
    st.floats(-180, 180),
    st.integers(0, 4_000_000_000),
)
def test_the_sun_comes_later_and_an_event_is_the_same_from_wherever_it_is_looked_for(
    event: str, lat: float, lon: float, instant: int
) -> None:
    made = solar(event, lat, lon, tz="UTC")

    found = made.next_after(instant)

    assert found is not None
    assert instant < found
    assert made.next_after(max(instant, found - 1)) == found
    following = made.next_after(found)
    assert following is not None
    assert following > found + 3600
    assert from_plain(json.loads(json.dumps(made.plain()))) == made


@AT_ANY_SPEED
@given(st.text("0123456789*/-, aefnrsu", max_size=8))
def test_text_is_a_field_or_refused_and_nothing_else_happens(text: str) -> None:
    made: Any = None
    try:
        made = crontab(minute=text)
    except (ParseException, ValueError):
        return
    assert made.minute <= set(range(60))
    assert crontab.from_string(f"{made._orig_minute} * * * *") == made


def test_the_zones_of_these_tests_exist() -> None:
    assert [ZoneInfo(name).key for name in ZONES] == list(ZONES)
