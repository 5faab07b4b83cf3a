"""An entry: which task is to be sent when, and how."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from kernelq import KernelQ
from kernelq.contracts import ImproperlyConfigured

from .missed import CATCH_UP

if TYPE_CHECKING:
    from kernelq.schedules import BaseSchedule, schedstate

OVERLAP = ("allow", "skip")
"""What happens when the task of the last occurrence has not ended: the next one is sent all the same, or left out."""

DEFINED = (
    "task",
    "schedule",
    "args",
    "kwargs",
    "options",
    "relative",
    "catch_up",
    "overlap",
    "enabled",
    "zone",
    "description",
)
"""What an entry of the setting `beat_schedule` may say."""


class BeatLazyFunc:
    """An argument that is computed when its task is sent: ``"args": (BeatLazyFunc(datetime.now),)``."""

    def __init__(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self._func = func
        self._args, self._kwargs = args, kwargs

    def __call__(self) -> Any:
        return self.delay()

    def delay(self) -> Any:
        """The value now."""
        return self._func(*self._args, **self._kwargs)


class ScheduleEntry:
    """One entry, and how far it has come.

    `last_run_at` is an aware datetime: the latest occurrence, or when the entry was first seen; `total_run_count` how often it was
    sent. `origin` is ``code`` or ``store``. Two entries are ordered by nothing: a heap compares their instants.
    """

    is_new: bool
    """Nobody said when it ran last."""

    def __init__(
        self,
        name: str | None = None,
        task: str | None = None,
        last_run_at: datetime.datetime | None = None,
        total_run_count: int | None = None,
        schedule: Any = None,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        relative: bool = False,
        app: KernelQ | None = None,
        *,
        catch_up: str = "one",
        overlap: str = "allow",
        enabled: bool = True,
        zone: str | None = None,
        description: str = "",
        origin: str = "code",
    ) -> None:
        from kernelq.schedules import maybe_schedule

        self.app = app
        self.name = name
        self.task = task
        self.args: Sequence[Any] = args if args is not None else ()
        self.kwargs = dict(kwargs or {})
        self.options = dict(options or {})
        self.schedule: Any = None if schedule is None else _in_zone(maybe_schedule(schedule, relative, app=app), zone)
        self.catch_up = _one_of(CATCH_UP, "catch_up", catch_up)
        self.overlap = _one_of(OVERLAP, "overlap", overlap)
        self.enabled = enabled
        self.zone = zone
        self.description = description
        self.origin = origin
        self.is_new = last_run_at is None
        self.last_run_at = last_run_at or self.default_now()
        self.total_run_count = total_run_count or 0

    @property
    def key(self) -> str:
        """What stores call it."""
        return f"{self.origin}:{self.name}"

    def default_now(self) -> datetime.datetime:
        """The time now, by the schedule's clock."""
        now: datetime.datetime = (
            self.schedule.now() if self.schedule is not None else (self.app or KernelQ.current()).now()
        )
        return now

    _default_now = default_now

    def _next_instance(self, last_run_at: datetime.datetime | None = None) -> ScheduleEntry:
        """The entry as it is after a run."""
        made = type(self)(**{**dict(self), **self._own()})
        made.last_run_at = last_run_at or self.default_now()
        made.total_run_count = self.total_run_count + 1
        return made

    next = __next__ = _next_instance

    def update(self, other: ScheduleEntry) -> None:
        """Take over what may be edited, and keep how far it has come."""
        for name in (
            "task",
            "schedule",
            "args",
            "kwargs",
            "options",
            "catch_up",
            "overlap",
            "enabled",
            "zone",
            "description",
        ):
            setattr(self, name, getattr(other, name))

    def is_due(self) -> schedstate:
        """Whether it is due, and in how many seconds to ask again."""
        state: schedstate = self.schedule.is_due(self.last_run_at)
        return state

    def editable_fields_equal(self, other: ScheduleEntry) -> bool:
        """Whether both say the same, but for how far they have come."""
        names = ("task", "args", "kwargs", "options", "schedule")
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def _own(self) -> dict[str, Any]:
        """What `kernelq` knows of an entry beyond what others do."""
        names = ("catch_up", "overlap", "enabled", "zone", "description", "origin")
        return {"app": self.app, **{name: getattr(self, name) for name in names}}

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        names = ("name", "task", "last_run_at", "total_run_count", "schedule", "args", "kwargs", "options")
        return iter([(name, getattr(self, name)) for name in names])

    def __reduce__(self) -> Any:
        state = {**dict(self), **self._own(), "app": None}
        return _rebuilt, (type(self), state)

    def __lt__(self, other: object) -> bool:
        return isinstance(other, ScheduleEntry) and id(self) < id(other)

    def __repr__(self) -> str:
        inside = ", ".join([*map(repr, self.args), *(f"{key}={value!r}" for key, value in self.kwargs.items())])
        return f"<{type(self).__name__}: {self.name} {self.task}({inside}) {self.schedule!r}>"


def entry_from(
    name: str, about: Any, app: KernelQ, cls: type[ScheduleEntry] = ScheduleEntry, origin: str = "code"
) -> ScheduleEntry:
    """The entry that a dict of `beat_schedule` describes, or one that is an entry already.

    Raises:
        ImproperlyConfigured: it says something unknown, or not what is needed.
    """
    if isinstance(about, ScheduleEntry):
        about.name, about.app = name, about.app or app
        return about
    if not isinstance(about, Mapping):
        raise ImproperlyConfigured(f"expected a dict as beat_schedule[{name!r}], got {about!r}")
    unknown = sorted(str(key) for key in about if key not in DEFINED)
    if unknown:
        raise ImproperlyConfigured(
            f"unknown {', '.join(unknown)} in beat_schedule[{name!r}] (known: {', '.join(DEFINED)})"
        )
    for needed in ("task", "schedule"):
        if about.get(needed) is None:
            raise ImproperlyConfigured(f"beat_schedule[{name!r}] needs a {needed!r}")
    task = about["task"]
    if not isinstance(task, str):  # the task itself
        task = getattr(task, "name", task)
    try:
        return cls(name=name, app=app, origin=origin, **{**about, "task": task})
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"beat_schedule[{name!r}]: {error}") from error


def call_of(entry: ScheduleEntry) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of an entry now, those that are lazy computed."""
    args = [_now(value) for value in entry.args]
    return args, {key: _now(value) for key, value in entry.kwargs.items()}


def _now(value: Any) -> Any:
    return value() if isinstance(value, BeatLazyFunc) else value


def _in_zone(schedule: BaseSchedule | Any, zone: str | None) -> Any:
    if zone is not None:
        schedule = copy(schedule)  # it may be another entry's too
        schedule.tz = zone
    return schedule


def _one_of(known: Sequence[str], what: str, value: str) -> str:
    if value not in known:
        raise ValueError(f"expected {what} as one of {', '.join(known)}, got {value!r}")
    return value


def _rebuilt(cls: type[ScheduleEntry], state: dict[str, Any]) -> ScheduleEntry:
    return cls(**state)
