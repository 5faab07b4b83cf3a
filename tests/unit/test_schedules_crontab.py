"""Crontabs: the grammar, its errors, and what two of them have in common."""

from __future__ import annotations

import datetime
import pickle
import sys
from collections.abc import Collection
from typing import Any

import kernelq
import pytest
from kernelq import KernelQ, crontab
from kernelq.exceptions import ParseException
from kernelq.schedules import BaseSchedule, crontab_parser, from_plain

ALL = {
    "minute": range(60),
    "hour": range(24),
    "day_of_week": range(7),
    "day_of_month": range(1, 32),
    "month_of_year": range(1, 13),
}
"""Field → what ``*`` stands for."""

EXPANSIONS: list[tuple[dict[str, Any], dict[str, Collection[int]]]] = [
    ({}, {}),
    ({"minute": 0, "hour": "*/3"}, {"minute": {0}, "hour": {0, 3, 6, 9, 12, 15, 18, 21}}),
    ({"minute": "*/15"}, {"minute": {0, 15, 30, 45}}),
    ({"day_of_week": "sunday"}, {"day_of_week": {0}}),
    ({"day_of_week": "sun"}, {"day_of_week": {0}}),
    (
        {"minute": "*/10", "hour": "3,17,22", "day_of_week": "thu,fri"},
        {"minute": {0, 10, 20, 30, 40, 50}, "hour": {3, 17, 22}, "day_of_week": {4, 5}},
    ),
    (
        {"minute": 0, "hour": "*/2,*/3"},
        {"minute": {0}, "hour": {0, 2, 3, 4, 6, 8, 9, 10, 12, 14, 15, 16, 18, 20, 21, 22}},
    ),
    ({"minute": 0, "hour": "*/5"}, {"minute": {0}, "hour": {0, 5, 10, 15, 20}}),
    ({"minute": 0, "hour": "*/3,8-17"}, {"minute": {0}, "hour": {0, 3, 6, *range(8, 18), 18, 21}}),
    ({"minute": 0, "hour": 0, "day_of_month": "2-30/2"}, {"minute": {0}, "hour": {0}, "day_of_month": range(2, 31, 2)}),
    (
        {"minute": 0, "hour": 0, "day_of_month": "1-7,15-21"},
        {"minute": {0}, "hour": {0}, "day_of_month": {*range(1, 8), *range(15, 22)}},
    ),
    ({"minute": 0, "hour": 0, "month_of_year": "*/3"}, {"minute": {0}, "hour": {0}, "month_of_year": {1, 4, 7, 10}}),
    ({"day_of_month": "*/2"}, {"day_of_month": range(1, 32, 2)}),
    ({"hour": "22-3"}, {"hour": {22, 23, 0, 1, 2, 3}}),
    ({"hour": "22-4/2"}, {"hour": {22, 0, 2, 4}}),
    ({"day_of_week": "fri-mon"}, {"day_of_week": {5, 6, 0, 1}}),
    ({"day_of_week": "1,3-5/2"}, {"day_of_week": {1, 3, 5}}),
    ({"month_of_year": "nov-feb"}, {"month_of_year": {11, 12, 1, 2}}),
    ({"month_of_year": "2-12/2"}, {"month_of_year": range(2, 13, 2)}),
    ({"month_of_year": "JAN,September,dec"}, {"month_of_year": {1, 9, 12}}),
    ({"day_of_week": "Monday-FRI"}, {"day_of_week": range(1, 6)}),
    ({"minute": [3, 1], "hour": {2}}, {"minute": {1, 3}, "hour": {2}}),
    ({"minute": range(0, 60, 20), "hour": (4, 5)}, {"minute": {0, 20, 40}, "hour": {4, 5}}),
    ({"minute": "5, 35", "hour": " 7"}, {"minute": {5, 35}, "hour": {7}}),
    ({"minute": None, "hour": None}, {}),
    ({"minute": "*/90"}, {"minute": {0}}),
    ({"minute": "5-5"}, {"minute": {5}}),
]

ERRORS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"minute": "60"}, ValueError, "invalid end range: expected at most 59, got '60' (field minute)"),
    ({"hour": "24"}, ValueError, "invalid end range: expected at most 23"),
    ({"month_of_year": "13"}, ValueError, "invalid end range: expected at most 12"),
    ({"day_of_week": "7"}, ValueError, "invalid end range: expected at most 6"),
    ({"hour": "20-24"}, ValueError, "invalid end range: expected at most 23"),
    ({"day_of_month": "0"}, ValueError, "invalid beginning range: expected at least 1, got '0' (field day_of_month)"),
    ({"minute": 60}, ValueError, "invalid crontab: expected minute in the valid range 0-59, got 60"),
    ({"minute": [70, 1, 80]}, ValueError, "invalid crontab: expected minute in the valid range 0-59, got 70, 80"),
    ({"minute": -1}, ValueError, "valid range"),
    ({"minute": []}, ValueError, "got nothing"),
    ({"minute": "-5"}, ParseException, "expected no negative numbers, got '-5' (field minute)"),
    ({"minute": ""}, ParseException, "got an empty part"),
    ({"minute": "1,,2"}, ParseException, "got an empty part"),
    ({"minute": "*/"}, ParseException, "expected a number as step, got '*/'"),
    ({"minute": "*/-5"}, ParseException, "expected a positive number as step"),
    ({"minute": "1-5/"}, ParseException, "expected a number as step"),
    ({"minute": "5/10"}, ValueError, "expected a step after * or a range only, got '5/10'"),
    ({"minute": "a"}, ValueError, "invalid weekday literal 'a'"),
    ({"minute": "sun"}, ValueError, "invalid weekday literal 'sun', which is for days of the week only"),
    ({"day_of_week": "su"}, ValueError, "invalid weekday literal 'su' (known: sun, mon,"),
    ({"month_of_year": "sun"}, ValueError, "invalid month literal 'sun' (known: jan, feb,"),
    ({"minute": "*/0"}, ValueError, "expected a step of at least 1"),
    ({"minute": "*/x"}, ValueError, "expected a step of at least 1"),
    ({"minute": "**"}, ValueError, "expected a number, a range or *, got '**'"),
    ({"minute": "1-2-3"}, ValueError, "expected a number, a range or *"),
    ({"minute": 2.5}, TypeError, "expected minute as a number, text, or numbers, got 2.5"),
    ({"minute": [2.5]}, TypeError, "expected whole numbers as minute, got 2.5"),
    ({"minute": b"5"}, TypeError, "expected minute as a number, text, or numbers"),
    ({"day_of_month": 31, "month_of_year": 2}, ValueError, "expected a day that some month has, got day_of_month '31'"),
    ({"day_of_month": "30-31", "month_of_year": "feb"}, ValueError, "in month_of_year 'feb'"),
    ({"day_of_month": 31, "month_of_year": "4,6,9,11"}, ValueError, "expected a day that some month has"),
    ({"tz": "Middle/Earth"}, ValueError, "expected the name of a time zone such as Europe/Berlin, got 'Middle/Earth'"),
]


@pytest.mark.parametrize(("given", "expected"), EXPANSIONS, ids=str)
def test_fields_stand_for_these_numbers(given: dict[str, Any], expected: dict[str, Collection[int]]) -> None:
    made = crontab(**given)

    assert {name: getattr(made, name) for name in ALL} == {
        name: set(expected.get(name, whole)) for name, whole in ALL.items()
    }


@pytest.mark.parametrize(("given", "kind", "why"), ERRORS, ids=str)
def test_what_is_no_field_is_refused_with_the_reason(given: dict[str, Any], kind: type[Exception], why: str) -> None:
    with pytest.raises(kind) as caught:
        crontab(**given)

    assert why in str(caught.value)
    assert type(caught.value) is kind


def test_positional_arguments_have_the_day_of_the_week_third() -> None:
    made = crontab(1, 2, 3, 4, 5)

    assert made == crontab(minute=1, hour=2, day_of_week=3, day_of_month=4, month_of_year=5)


def test_a_line_has_the_order_of_unix() -> None:
    assert crontab.from_string("1 2 3 4 5") == crontab(1, 2, day_of_month=3, month_of_year=4, day_of_week=5)


@pytest.mark.parametrize("line", ["* * * *", "* * * * * *", "*  * * * *", " * * * * *", "* * * * * ", "", "*\t* * * *"])
def test_a_line_needs_five_fields_with_one_blank_between(line: str) -> None:
    with pytest.raises(ValueError, match="expected five fields with one blank between each, got"):
        crontab.from_string(line)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (crontab(minute="*/15"), "<crontab: */15 * * * * (m/h/dM/MY/d)>"),
        (crontab(1, 2, "mon", 4, 5), "<crontab: 1 2 4 5 mon (m/h/dM/MY/d)>"),
        (crontab([30, 0], "2, 5"), "<crontab: 0,30 2,5 * * * (m/h/dM/MY/d)>"),
    ],
)
def test_the_repr_is_a_line(made: crontab, expected: str) -> None:
    assert repr(made) == expected


def test_crontabs_that_stand_for_the_same_are_equal() -> None:
    assert crontab(minute="*/30", day_of_week="sat,sun") == crontab(minute={0, 30}, day_of_week="sat-sun")
    assert hash(crontab(minute="0,30")) == hash(crontab(minute="*/30"))


def test_crontabs_that_differ_are_not_equal() -> None:
    assert crontab(minute=0) != crontab(minute=1)
    assert crontab(tz="Europe/Berlin") != crontab()
    assert crontab() != "* * * * *"


def test_one_day_of_the_week_and_of_the_month_must_both_match(app: KernelQ) -> None:
    instant: float | None = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC).timestamp()
    fridays = crontab(0, 0, "fri", 13, app=app)

    found = []
    for _ in range(3):
        assert instant is not None
        instant = fridays.next_after(instant)
        found.append(datetime.datetime.fromtimestamp(instant or 0, datetime.UTC).date().isoformat())

    assert found == ["2025-06-13", "2026-02-13", "2026-03-13"]


def test_a_sunday_on_29_february_is_found_40_years_on_without_walking_the_days() -> None:
    sparse = crontab(0, 0, "sun", 29, 2, tz="UTC")
    instant: float | None = datetime.datetime(2088, 3, 1, tzinfo=datetime.UTC).timestamp()
    assert instant is not None
    asked = 0

    def count(*_: Any) -> None:
        nonlocal asked
        asked += 1

    sys.setprofile(count)
    try:
        instant = sparse.next_after(instant)
    finally:
        sys.setprofile(None)

    assert instant == datetime.datetime(2128, 2, 29, tzinfo=datetime.UTC).timestamp()  # 2100 is no leap year
    assert asked < 2000


def test_there_is_nothing_after_the_end_of_the_calendar(app: KernelQ) -> None:
    end = datetime.datetime(9998, 12, 30, tzinfo=datetime.UTC).timestamp()

    assert crontab(0, 0, day_of_month=30, month_of_year=12, app=app).next_after(end) is None


def test_a_crontab_has_the_zone_of_its_app_if_it_has_none(app: KernelQ) -> None:
    app.conf.timezone = "Europe/Berlin"
    noon = datetime.datetime(2025, 7, 1, 12, tzinfo=datetime.UTC).timestamp()

    assert crontab(0, 15, app=app).next_after(noon) == noon + 3600
    assert crontab(0, 15, app=app, tz="UTC").next_after(noon) == noon + 3 * 3600


def test_a_pickled_crontab_is_equal_and_leaves_app_and_clock_behind(app: KernelQ) -> None:
    made = crontab("*/5", 3, "mon-fri", app=app, nowfun=lambda: datetime.datetime.now(datetime.UTC), tz="Asia/Tokyo")

    copy = pickle.loads(pickle.dumps(made))

    assert copy == made
    assert repr(copy) == repr(made)
    assert (copy.nowfun, str(copy.tz)) == (None, "Asia/Tokyo")


def test_a_stored_crontab_is_equal_and_written_as_it_was(app: KernelQ) -> None:
    made = crontab("*/5", [3, 4], "mon-fri", month_of_year="nov-feb", tz="Asia/Tokyo")

    assert made.plain() == {
        "kind": "crontab",
        "minute": "*/5",
        "hour": "3,4",
        "day_of_week": "mon-fri",
        "day_of_month": "*",
        "month_of_year": "nov-feb",
        "tz": "Asia/Tokyo",
    }
    assert from_plain(made.plain(), app) == made
    assert from_plain(made.plain(), app).app is app


def test_a_zone_without_a_name_cannot_be_stored() -> None:
    with pytest.raises(ValueError, match="expected a zone by its IANA name"):
        crontab(tz=datetime.timezone(datetime.timedelta(hours=1))).plain()


def test_the_parser_can_be_used_alone() -> None:
    assert crontab_parser().parse("*/20") == {0, 20, 40}
    assert crontab_parser(31, 1).parse("1-30/10") == {1, 11, 21}
    assert crontab_parser(7).parse("fri") == {5}
    assert crontab_parser.ParseException is ParseException


def test_users_import_them_as_they_are_used_to() -> None:
    from kernelq.schedules import crontab as from_module
    from kernelq.schedules import schedule, solar

    assert (kernelq.crontab, kernelq.schedule, kernelq.solar) == (from_module, schedule, solar)
    assert issubclass(crontab, BaseSchedule)
