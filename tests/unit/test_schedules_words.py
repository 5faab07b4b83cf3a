"""Schedules in plain words."""

from __future__ import annotations

import pytest
from kernelq import crontab, schedule
from kernelq.schedules import BaseSchedule


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("* * * * *", "every minute"),
        ("*/15 * * * *", "every 15 minutes"),
        ("0 * * * *", "every hour"),
        ("30 * * * *", "every hour at :30"),
        ("5,35 * * * *", "every hour at :05 and :35"),
        ("0 */3 * * *", "every 3 hours"),
        ("30 */3 * * *", "every 3 hours at :30"),
        ("0 */5 * * *", "at 00:00, 05:00, 10:00, 15:00 and 20:00 every day"),
        ("30 2 * * *", "at 02:30 every day"),
        ("0 3,17 * * *", "at 03:00 and 17:00 every day"),
        ("0,30 9 * * mon-fri", "at 09:00 and 09:30 on Monday to Friday"),
        ("0 9 * * fri-mon", "at 09:00 on Friday to Monday"),
        ("*/10 3,17,22 * * thu,fri", "every 10 minutes of the hours 3, 17 and 22 on Thursday and Friday"),
        ("* 5 * * *", "every minute of the hour 5"),
        ("0 8-18 * * *", "at :00 of the hours 8 to 18 every day"),
        ("0 22-4 * * *", "at :00 of the hours 22 to 4 every day"),
        ("1-20 * * * *", "at minutes 1 to 20 of every hour"),
        ("0 0 1-7,15-21 * *", "at 00:00 on days 1 to 7 and 15 to 21 of the month"),
        ("0 0 1 * *", "at 00:00 on day 1 of the month"),
        ("0 0 13 * fri", "at 00:00 on Friday if it is day 13 of the month"),
        ("0 0 * nov-feb *", "at 00:00 in November to February"),
        ("0 0 29 2 *", "at 00:00 on day 29 of the month in February"),
        ("*/15 * * * sat", "every 15 minutes on Saturday"),
        ("*/40 * * * *", "every hour at :00 and :40"),
    ],
)
def test_a_crontab_is_said_in_plain_words(line: str, expected: str) -> None:
    assert crontab.from_string(line).describe() == expected


def test_a_zone_of_its_own_is_named() -> None:
    assert crontab(30, 2, tz="Europe/Berlin").describe() == "at 02:30 every day (Europe/Berlin)"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.5, "every 0.5 seconds"),
        (1, "every second"),
        (60, "every minute"),
        (90, "every 90 seconds"),
        (5400, "every 90 minutes"),
        (7200, "every 2 hours"),
        (86_400, "every day"),
        (604_800, "every 7 days"),
    ],
)
def test_an_interval_is_said_in_its_largest_whole_unit(seconds: float, expected: str) -> None:
    assert schedule(seconds).describe() == expected
    assert schedule(seconds, relative=True).describe() == f"{expected}, by the clock"


def test_a_schedule_without_words_is_said_by_its_repr() -> None:
    class Odd(BaseSchedule):
        def __repr__(self) -> str:
            return "<odd>"

    assert Odd().describe() == "<odd>"
