"""The sun: its events, at places where it does what we know, and where it does not set."""

from __future__ import annotations

import datetime
import pickle
import subprocess
import sys
from itertools import pairwise

import ephem
import pytest
from kernelq import KernelQ, solar
from kernelq.errors import ImproperlyConfigured
from kernelq.schedules import from_plain

BERLIN = (52.52, 13.405)
EVENTS = (
    "dawn_astronomical", "dawn_nautical", "dawn_civil", "sunrise", "solar_noon", "sunset", "dusk_civil", "dusk_nautical", "dusk_astronomical",
)  # fmt: skip

JUNE = datetime.datetime(2025, 6, 1, tzinfo=datetime.UTC)
MARCH = datetime.datetime(2025, 3, 20, tzinfo=datetime.UTC)


def after(event: str, place: tuple[float, float], moment: datetime.datetime) -> datetime.datetime:
    found = solar(event, *place, tz="UTC").next_after(moment.timestamp())
    assert found is not None
    return datetime.datetime.fromtimestamp(found, datetime.UTC)


def altitude(place: tuple[float, float], moment: datetime.datetime) -> float:
    """Degrees by which the middle of the sun is above the horizon."""
    observer = ephem.Observer()
    observer.lat, observer.lon, observer.pressure = str(place[0]), str(place[1]), 0
    observer.date = moment.replace(tzinfo=None)
    return float(ephem.Sun(observer).alt) * 57.29577951308232


def test_the_events_of_a_day_come_in_their_order() -> None:
    found = [after(event, BERLIN, MARCH) for event in EVENTS]

    assert found == sorted(found)
    assert {each.date() for each in found} == {MARCH.date()}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("dawn_astronomical", -18),
        ("dawn_nautical", -12),
        ("dawn_civil", -6),
        ("dusk_civil", -6),
        ("dusk_nautical", -12),
        ("dusk_astronomical", -18),
        ("sunrise", -0.833),
        ("sunset", -0.833),
    ],
)
def test_at_an_event_the_sun_stands_where_its_definition_says(event: str, expected: float) -> None:
    assert altitude(BERLIN, after(event, BERLIN, MARCH)) == pytest.approx(expected, abs=0.02)


def test_sunrise_in_berlin_is_when_almanacs_have_it() -> None:
    # 05:10 UTC (06:10 there) on 20 March 2025: timeanddate.com
    assert abs(after("sunrise", BERLIN, MARCH) - MARCH.replace(hour=5, minute=10)) < datetime.timedelta(minutes=2)


def test_an_event_is_in_whole_seconds_and_once_a_day() -> None:
    days = [after("sunset", BERLIN, MARCH)]
    for _ in range(9):
        days.append(after("sunset", BERLIN, days[-1]))

    assert [day.date() for day in days] == [MARCH.date() + datetime.timedelta(days=n) for n in range(10)]
    assert {day.microsecond for day in days} == {0}


def test_an_instant_just_before_an_event_finds_it_and_the_event_itself_the_next() -> None:
    event = after("sunset", BERLIN, MARCH)

    assert after("sunset", BERLIN, event - datetime.timedelta(seconds=1)) == event
    assert after("sunset", BERLIN, event) > event + datetime.timedelta(hours=23)


def test_where_the_sun_does_not_set_for_weeks_the_next_sunset_is_after_them() -> None:
    tromso = (69.65, 18.96)

    assert after("sunset", tromso, JUNE).month == 7
    assert after("dusk_astronomical", tromso, JUNE).month >= 8


def test_the_first_dusk_after_a_summer_without_one_is_found() -> None:
    first = after("dusk_astronomical", (51.5, 0), datetime.datetime(2022, 6, 27, tzinfo=datetime.UTC))

    assert first.date() == datetime.date(2022, 7, 21)
    assert altitude((51.5, 0), first - datetime.timedelta(days=1)) > -18
    assert altitude((51.5, 0), first) == pytest.approx(-18, abs=0.02)


@pytest.mark.parametrize("place", [(69.65, 18.96), (51.5, 0), (-17.7, 178.8), (-54.8, -68.3), (65.7, -179.9)], ids=str)
@pytest.mark.parametrize(("event", "height", "rises"), [("dusk_civil", -6, False), ("dawn_astronomical", -18, True)])
def test_a_year_has_the_events_that_a_walk_along_the_sun_finds(
    event: str, height: float, rises: bool, place: tuple[float, float]
) -> None:
    step, found, at = datetime.timedelta(minutes=15), [], MARCH
    while (at := after(event, place, at)) < MARCH + datetime.timedelta(days=365):
        found.append(at)

    heights = [(MARCH + n * step, altitude(place, MARCH + n * step)) for n in range(365 * 96)]
    passed = [
        moment
        for (moment, one), (_, two) in pairwise(heights)
        if (one < height <= two if rises else one >= height > two)
    ]

    assert [any(moment <= each <= moment + step for each in found) for moment in passed] == [True] * len(passed)
    assert len(passed) <= len(found) <= len(passed) + 4  # those it passes for less than a step


def test_in_the_southern_hemisphere_the_days_of_june_are_short() -> None:
    hobart = (-42.88, 147.33)
    rise = after("sunrise", hobart, JUNE)

    assert after("sunset", hobart, rise) - rise < datetime.timedelta(hours=10)


@pytest.mark.parametrize("place", [(0, -180), (0, 180), (90, 0), (-90, 0), (0, 0)])
def test_the_edges_of_the_map_are_places(place: tuple[float, float]) -> None:
    assert solar("solar_noon", *place, tz="UTC").event == "solar_noon"


def test_an_unknown_event_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="expected one of dawn_astronomical, dawn_civil, .*got 'moonrise'"):
        solar("moonrise", *BERLIN)


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ((91, 0), "latitude between -90 and 90, got 91"),
        ((-90.1, 0), "latitude"),
        ((0, 181), "longitude between -180 and 180"),
        ((0, -180.5), "longitude"),
        ((float("nan"), 0), "latitude"),
    ],
)
def test_a_place_that_is_not_on_earth_is_refused(place: tuple[float, float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        solar("sunrise", *place)


def test_without_its_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ephem", None)

    with pytest.raises(ImproperlyConfigured, match=r"pip install 'kernelq\[solar\]'"):
        solar("sunrise", *BERLIN)


def test_crontabs_and_imports_do_not_load_the_library() -> None:
    code = "import sys; from kernelq.schedules import crontab, solar; crontab(0); sys.exit('ephem' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_it_is_due_like_any_schedule(app: KernelQ) -> None:
    sunset = after("sunset", BERLIN, MARCH)
    made = solar("sunset", *BERLIN, app=app, nowfun=lambda: sunset + datetime.timedelta(seconds=5))

    assert made.is_due(sunset - datetime.timedelta(hours=1)).is_due
    assert not made.is_due(sunset).is_due


def test_two_are_equal_if_event_and_place_are() -> None:
    assert solar("sunset", *BERLIN) == solar("sunset", *BERLIN) != solar("sunrise", *BERLIN)
    assert solar("sunset", *BERLIN) != solar("sunset", 1, 2)
    assert solar("sunset", *BERLIN) != "sunset"


def test_it_survives_pickle_and_stores() -> None:
    made = solar("sunset", *BERLIN)

    assert made.plain() == {"kind": "solar", "event": "sunset", "latitude": 52.52, "longitude": 13.405}
    assert pickle.loads(pickle.dumps(made)) == made == from_plain(made.plain())
    assert hash(from_plain(made.plain())) == hash(made)


def test_its_repr_and_its_words_name_event_and_place() -> None:
    made = solar("dusk_civil", -33.9, -70.6)

    assert repr(made) == "<solar: dusk_civil at latitude -33.9, longitude: -70.6>"
    assert made.describe() == "at dusk civil at 33.9° south, 70.6° west"
