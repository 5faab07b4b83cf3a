"""Schedules in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Set

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_MOST_TIMES = 6
"""More times of day than that are not listed one by one."""


def duration(seconds: float) -> str:
    """``minute``, ``90 minutes``, ``2.5 seconds``: what stands after "every", in the largest unit that makes it a whole number."""
    for unit, size in _UNITS:
        if seconds % size == 0:
            return unit if seconds == size else f"{seconds / size:.0f} {unit}s"
    return "second" if seconds == 1 else f"{seconds:g} seconds"


def in_words(minute: Set[int], hour: Set[int], day_of_week: Set[int], day_of_month: Set[int], month: Set[int]) -> str:
    """A crontab's numbers as ``at 02:30 on Monday to Friday``, ``every 15 minutes``."""
    days = _days(day_of_week, day_of_month, month)
    times = _times(minute, hour)
    if days:
        return f"{times} {days}"
    return f"{times} every day" if times.startswith("at ") else times


def listed(words: Iterable[str]) -> str:
    """``a, b and c``."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _times(minute: Set[int], hour: Set[int]) -> str:
    if len(hour) < 24 and len(minute) * len(hour) <= _MOST_TIMES:
        return f"at {listed(f'{each:02}:{past:02}' for each in sorted(hour) for past in sorted(minute))}"
    step = _step(hour, 24)
    if len(minute) <= _MOST_TIMES and not (_step(minute, 60) and len(minute) > 1):
        often = f"every {duration(step * 3600)}" if step else ""
        on_the_hour = minute == {0}
        past = f"{listed(f':{each:02}' for each in sorted(minute))}"
        if often:
            return often if on_the_hour else f"{often} at {past}"
        return f"at {past} of the hours {_ranges(hour, 24)}"
    step_minute = _step(minute, 60)
    often = f"every {duration(step_minute * 60)}" if step_minute else f"at minutes {_ranges(minute, 60)}"
    if len(hour) == 24:
        return often if step_minute else f"{often} of every hour"
    return f"{often} of the hours {_ranges(hour, 24)}"


def _days(day_of_week: Set[int], day_of_month: Set[int], month: Set[int]) -> str:
    parts = []
    if len(day_of_week) < 7:
        parts.append(f"on {_ranges(day_of_week, 7, names=_WEEKDAYS)}")
    if len(day_of_month) < 31:
        number = (
            f"day {_ranges(day_of_month, 31, lowest=1)}"
            if len(day_of_month) == 1
            else f"days {_ranges(day_of_month, 31, lowest=1)}"
        )
        parts.append(f"if it is {number} of the month" if parts else f"on {number} of the month")
    if len(month) < 12:
        parts.append(f"in {_ranges(month, 12, lowest=1, names=_MONTHS)}")
    return " ".join(parts)


def _step(numbers: Set[int], count: int) -> int:
    """n, if they are every n-th from 0 on, and n divides the whole; else 0."""
    step = count // len(numbers)
    return step if numbers == set(range(0, count, step)) and count % step == 0 else 0


def _ranges(numbers: Set[int], count: int, *, lowest: int = 0, names: tuple[str, ...] = ()) -> str:
    """``3, 17 and 22``, ``1 to 7 and 15 to 21``, ``Friday to Monday``: a range of three or more is drawn together, around the end too."""

    def follows(number: int) -> int:
        return (number - lowest + 1) % count + lowest

    def said(number: int) -> str:
        return names[number - lowest] if names else str(number)

    firsts = [each for each in sorted(numbers) if not any(follows(other) == each for other in numbers)]
    words: list[str] = []
    for first in firsts or [min(numbers)]:
        run = [first]
        while (following := follows(run[-1])) in numbers and following != first:
            run.append(following)
        words.extend([f"{said(run[0])} to {said(run[-1])}"] if len(run) > 2 else map(said, run))
    return listed(words)
