"""What every schedule is: when it is due next, and how it is written down."""

from __future__ import annotations

import copy
import datetime
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kernelq import KernelQ


class schedstate(NamedTuple):
    """Whether a task is due, and in how many seconds to ask again."""

    is_due: bool
    next: float


KINDS: dict[str, type[BaseSchedule]] = {}
"""What `plain` writes as ``kind`` → the class."""


class BaseSchedule:
    """When a task is to run. A schedule of your own is a subclass with `next_after`, or, as elsewhere, with `is_due`.

    `nowfun` tells the time (a datetime; naive: UTC) to `is_due` and `remaining_estimate`, default the app's `now`; `tz` is the zone
    of the schedule, a name or a tzinfo, default the app's. To be kept in a store it also has `plain` and `from_plain`, under the `kind` of
    its class, by default its module and name.
    """

    kind: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "kind" not in vars(cls):
            cls.kind = f"{cls.__module__}.{cls.__qualname__}"
        KINDS[cls.kind] = cls

    def __init__(
        self,
        nowfun: Callable[[], datetime.datetime] | None = None,
        app: KernelQ | None = None,
        *,
        tz: str | datetime.tzinfo | None = None,
    ) -> None:
        self.nowfun = nowfun
        self._app = app
        self._tz = _zone(tz)

    # --- when

    def next_after(self, instant: float) -> float | None:
        """The first occurrence after `instant`, which is not counted itself; both are UTC epoch seconds. None: never again.

        Looks at no clock: the same question has the same answer everywhere. A subclass that has an `is_due` of its own instead is asked for it,
        as if it were `instant` and the last run were then.
        """
        if type(self).is_due is BaseSchedule.is_due:
            raise NotImplementedError(f"{type(self).__name__} needs next_after(instant) or is_due(last_run_at)")
        then = datetime.datetime.fromtimestamp(instant, self.tz)
        asked = copy.copy(self)  # threads may share a schedule
        asked._app, asked.nowfun = self._app, lambda: then
        seconds = float(asked.is_due(then)[1])
        return instant + seconds if seconds < math.inf else None

    def is_due(self, last_run_at: datetime.datetime) -> schedstate:
        """Whether a task that last ran at `last_run_at` (naive: UTC) is due, and in how many seconds to ask again.

        However many occurrences were missed, it is due once. Never again: infinitely many seconds.
        """
        now = self.now().timestamp()
        due_at = self.next_after(self.maybe_make_aware(last_run_at).timestamp())
        if due_at is None or due_at > now:
            return schedstate(False, math.inf if due_at is None else due_at - now)
        return schedstate(True, self._until_next(now))

    def remaining_estimate(self, last_run_at: datetime.datetime) -> datetime.timedelta:
        """How long until a task that last ran at `last_run_at` (naive: UTC) is due; negative if it is overdue."""
        due_at = self.next_after(self.maybe_make_aware(last_run_at).timestamp())
        if due_at is None:
            return datetime.timedelta.max
        return datetime.timedelta(seconds=due_at - self.now().timestamp())

    def _until_next(self, now: float) -> float:
        next_at = self.next_after(now)
        return math.inf if next_at is None else next_at - now

    # --- whose, and where

    @property
    def app(self) -> KernelQ:
        """The app whose zone and clock count: the one given, else the current one."""
        return self._app or KernelQ.current()

    @app.setter
    def app(self, app: KernelQ | None) -> None:
        self._app = app

    @property
    def tz(self) -> datetime.tzinfo:
        """The schedule's zone: the one given, else the app's."""
        return self._tz or self.app.timezone

    @tz.setter
    def tz(self, tz: str | datetime.tzinfo | None) -> None:
        self._tz = _zone(tz)

    @property
    def zone(self) -> str | None:
        """The name of the zone the schedule was given; None: the app's.

        Raises:
            ValueError: it has one that has no name, such as an offset.
        """
        if self._tz is None or self._tz is datetime.UTC:
            return None if self._tz is None else "UTC"
        key = getattr(self._tz, "key", None)
        if key is None:
            raise ValueError(f"expected a zone by its IANA name, which can be written down, got {self._tz!r}")
        return str(key)

    def now(self) -> datetime.datetime:
        """The time now, in the schedule's zone."""
        return self.maybe_make_aware((self.nowfun or self.app.now)())

    def maybe_make_aware(self, moment: datetime.datetime, naive_as_utc: bool = True) -> datetime.datetime:
        """A datetime in the schedule's zone; a naive one is UTC, or with `naive_as_utc` off in that zone already."""
        if moment.tzinfo is None and not naive_as_utc:
            return moment.replace(tzinfo=self.tz)
        return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).astimezone(self.tz)

    to_local = maybe_make_aware

    # --- written down

    def describe(self) -> str:
        """What it does, in plain words."""
        return repr(self)

    def plain(self) -> dict[str, Any]:
        """The schedule as data for JSON, from which `kernelq.schedules.from_plain` makes an equal one.

        Raises:
            TypeError: a class of your own that cannot be written down.
            ValueError: a zone without a name.
        """
        raise TypeError(
            f"{type(self).__name__} cannot be kept in a store: give the class plain() -> dict and from_plain(data, app)"
        )

    @classmethod
    def from_plain(cls, data: Mapping[str, Any], app: KernelQ | None = None) -> Self:
        """The schedule `plain` wrote down."""
        raise TypeError(f"{cls.__name__} cannot be read from a store: give the class from_plain(data, app)")

    def _plain(self, **fields: Any) -> dict[str, Any]:
        """`fields` with what every schedule has."""
        return {"kind": self.kind, **fields} | ({} if self._tz is None else {"tz": self.zone})

    def __getstate__(self) -> dict[str, Any]:
        """All but the app, which is the current one where it is unpickled, and the clock."""
        return {**vars(self), "nowfun": None, "_app": None}


def _zone(tz: str | datetime.tzinfo | None) -> datetime.tzinfo | None:
    if not isinstance(tz, str):
        return tz
    try:
        return datetime.UTC if tz.upper() == "UTC" else ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"expected the name of a time zone such as Europe/Berlin, got {tz!r}") from error
