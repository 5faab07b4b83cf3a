"""Which occurrences are due: the one whose time has come, and what becomes of those that were missed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .contract import instant_of, ticks_of

CATCH_UP = ("one", "all", "skip")
"""What happens with missed occurrences: the latest is sent, every one is, or none."""

AT_MOST = 1000
"""Missed occurrences of one entry that are sent when all are to be; older ones are left out."""

_WALK = 10_000
"""Occurrences walked through one by one before a jump is tried."""

Next = Callable[[float], "float | None"]


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done of an entry now."""

    send: tuple[float, ...] = ()
    """Occurrences to be sent, in order."""
    last: float | None = None
    """Where its mark is to stand after that; None: where it stands."""
    left_out: int = 0
    """Occurrences that are not sent, as far as they were counted."""


def due_now(
    next_after: Next,
    last: float,
    now: float,
    *,
    catch_up: str = "one",
    missed_after: float = 60.0,
    deadline: float | None = None,
) -> Due:
    """What is due at `now` of an entry whose latest occurrence was at `last`.

    An occurrence is missed when another one came after it by now, or it is older than `missed_after` seconds. Older than
    `deadline` it is left out, whatever `catch_up` says.
    """
    found, left_out = _until(next_after, last, now)
    if not found:
        return Due()
    if catch_up == "all":
        send = found
    elif catch_up == "skip":
        send = [instant for instant in found[-1:] if now - instant <= missed_after]
    else:
        send = found[-1:]
    if deadline is not None:
        send = [instant for instant in send if now - instant <= deadline]
    return Due(send=tuple(send), last=found[-1], left_out=left_out + len(found) - len(send))


def _until(next_after: Next, last: float, now: float) -> tuple[list[float], int]:
    """The occurrences after `last` up to `now`, the latest `AT_MOST` of them, and how many more there were at least."""
    found: list[float] = []
    instant, walked = last, 0
    while (following := _after(next_after, instant)) is not None and following <= now:
        instant = following
        found.append(instant)
        walked += 1
        if walked >= _WALK:
            jumped = _jump(next_after, instant, now)
            if jumped is not None:
                found, instant, walked = [jumped], jumped, 0
        if len(found) > 2 * AT_MOST:
            del found[:-AT_MOST]
    total = max(walked, len(found))
    found = found[-AT_MOST:]
    return found, total - len(found)


def _after(next_after: Next, instant: float) -> float | None:
    """The next occurrence, in whole microseconds as stores keep it, and always a later one."""
    found = next_after(instant)
    if found is None:
        return None
    rounded = instant_of(ticks_of(found))
    return rounded if rounded > instant else instant_of(ticks_of(instant) + 1)


def _jump(next_after: Next, instant: float, now: float) -> float | None:
    """An occurrence not long before `now`; None when there is none between that is worth it."""
    schedule: Any = getattr(next_after, "__self__", None)
    every = getattr(schedule, "run_every", None)
    if every is not None and not schedule.relative:  # its occurrences hang on one another: keep their beat
        seconds = every.total_seconds()
        beats = int((now - instant) / seconds) - AT_MOST
        return instant_of(ticks_of(instant + beats * seconds)) if beats > AT_MOST else None
    width = 1.0
    while now - width > instant:
        found = _after(next_after, now - width)
        if found is not None and found <= now:
            return found
        width *= 2
    return None


def next_times(next_after: Any, instant: float, count: int) -> list[float]:
    """The next occurrences after an instant."""
    found: list[float] = []
    while len(found) < count and (following := _after(next_after, found[-1] if found else instant)) is not None:
        found.append(following)
    return found
