"""Schedules made of what users give, and of what stores keep."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from kernelq import KernelQ

from . import crontab, solar  # noqa: F401  (each enters its kind)
from .contract import KINDS, BaseSchedule
from .interval import schedule


def maybe_schedule(s: Any, relative: bool = False, app: KernelQ | None = None) -> Any:
    """The schedule of a number of seconds or a timedelta; a schedule, or None, as it is, but that it gets `app`.

    An object of another class that has `is_due` is a schedule too.

    Raises:
        TypeError: none of these.
        ValueError: an interval that is not positive.
    """
    if isinstance(s, datetime.timedelta | int | float) and not isinstance(s, bool):
        return schedule(s, relative, app=app)
    if s is not None and not callable(getattr(s, "is_due", None)):
        raise TypeError(f"expected a number of seconds, a timedelta or a schedule, got {s!r}")
    if s is not None and app is not None:
        s.app = app
    return s


def from_plain(data: Mapping[str, Any], app: KernelQ | None = None) -> BaseSchedule:
    """The schedule that its `plain` wrote down.

    A class of your own is found once its module is imported; nothing is imported because a store says so.

    Raises:
        ValueError: of a kind that is not known here, or lacking something.
        ParseException, TypeError: as the schedule's class says.
    """
    kind = KINDS.get(str(data.get("kind")))
    if kind is None:
        raise ValueError(
            f"no schedule of kind {data.get('kind')!r} (known: {', '.join(sorted(KINDS))}); "
            "import the module of its class (setting imports)"
        )
    try:
        return kind.from_plain(data, app)
    except KeyError as error:
        raise ValueError(f"expected {error} in a schedule of kind {kind.kind!r}, got {dict(data)!r}") from None
