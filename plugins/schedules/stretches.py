"""Stretches of one offset: what the clock of a zone shows, and when it shows it.

Local times are counted as epoch seconds are, as if they were UTC: ``local = instant + offset``. Zones are asked only which offset
an instant has, never which instant a local time is, so that those of zoneinfo, dateutil and pytz all serve.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import NamedTuple

DAY = 86400
"""Seconds. Also more than any offset, and as much as the longest gap (a day left out at the date line)."""

_LOOK = 3 * 3600
"""Seconds; no zone changes its offset and changes it back within that."""


class Stretch(NamedTuple):
    """Instants from `start` to before `end`, in which ``local = instant + offset``."""

    start: float
    end: float
    offset: float


def offset_at(instant: float, tz: datetime.tzinfo) -> float:
    """Seconds by which the zone's clock is ahead of UTC."""
    offset = datetime.datetime.fromtimestamp(instant, tz).utcoffset()
    return 0.0 if offset is None else offset.total_seconds()


def stretches(midnight: int, tz: datetime.tzinfo, *, twice: bool) -> list[Stretch]:
    """The stretches in which local times of the day that begins at the local time `midnight` may lie; nearly always it is one.

    A stretch that ends in a gap goes on, by its own offset, for as long as the gap: a time left out by the clock is then found
    at the shifted instant. One that repeats local times begins after them, unless they count `twice`.
    """
    first, last = midnight - DAY, midnight + 2 * DAY
    before, after = offset_at(first, tz), offset_at(last, tz)
    if before == after:
        return [Stretch(first, last, before)]
    found: list[Stretch] = []
    start: float = first
    for change, offset in _changes(first, last, tz):
        found.append(Stretch(start, change + max(0, offset - before), before))
        start = change if twice else change + max(0, before - offset)
        before = offset
    return [*found, Stretch(start, last, before)]


def _changes(first: int, last: int, tz: datetime.tzinfo) -> Iterator[tuple[int, float]]:
    """The instants in between at which the offset changes, each with the new one."""
    old = offset_at(first, tz)
    for low in range(first, last, _LOOK):
        high = min(low + _LOOK, last)
        new = offset_at(high, tz)
        if new == old:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset_at(middle, tz) == old else (low, middle)
        yield high, new
        old = new
