"""`solar`: when the sun rises, sets, is highest, or is so far below the horizon."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple, Self

from kernelq import KernelQ
from kernelq.errors import ImproperlyConfigured

from .contract import BaseSchedule
from .stretches import DAY

_MOST_DAYS = 367
"""Days to look ahead: any event that a place has at all comes once a year."""

_APART = 3600
"""Seconds; two events that are closer are one, found from both sides of a day's limit."""


class _Event(NamedTuple):
    method: str
    horizon: str
    """Degrees, or degrees:minutes."""
    of_centre: bool


_EVENTS = {
    "dawn_astronomical": _Event("next_rising", "-18", True),
    "dawn_nautical": _Event("next_rising", "-12", True),
    "dawn_civil": _Event("next_rising", "-6", True),
    "sunrise": _Event("next_rising", "-0:34", False),
    "solar_noon": _Event("next_transit", "0", False),
    "sunset": _Event("next_setting", "-0:34", False),
    "dusk_civil": _Event("next_setting", "-6", True),
    "dusk_nautical": _Event("next_setting", "-12", True),
    "dusk_astronomical": _Event("next_setting", "-18", True),
}
"""Source: the definitions of the U.S. Naval Observatory; 34 minutes is the refraction at the horizon."""


class solar(BaseSchedule):
    """At an event of the sun at a place: ``solar("sunset", 52.5, 13.4)``, degrees north and east.

    Events: dawn_astronomical, dawn_nautical, dawn_civil, sunrise, solar_noon, sunset, dusk_civil, dusk_nautical, dusk_astronomical. Where the sun
    does not set for weeks, the next sunset is the one after them. To the second, the same on every machine.

    Raises:
        ValueError: an unknown event, or a place that is not on earth.
        ImproperlyConfigured: the library ``ephem`` is not installed.
    """

    kind = "solar"

    def __init__(
        self,
        event: str,
        lat: float,
        lon: float,
        *,
        nowfun: Callable[[], datetime.datetime] | None = None,
        app: KernelQ | None = None,
        tz: str | datetime.tzinfo | None = None,
    ) -> None:
        super().__init__(nowfun, app, tz=tz)
        _library()
        if event not in _EVENTS:
            raise ValueError(f"expected one of {', '.join(sorted(_EVENTS))}, got {event!r} (argument event)")
        for name, value, most in (("latitude", lat, 90), ("longitude", lon, 180)):
            if not -most <= value <= most:
                raise ValueError(f"expected a {name} between -{most} and {most}, got {value!r}")
        self.event, self.lat, self.lon = event, lat, lon

    def next_after(self, instant: float) -> float | None:
        """The first such event after `instant`; None if there is none within a year."""
        first = int(instant // DAY) - 2
        previous: float | None = None
        # Day by day of one fixed calendar, so that the answer for an event does not depend on from where it is looked for.
        for day in range(first, first + _MOST_DAYS + 2):
            found = self._on(day)
            if found is None or (previous is not None and found - previous < _APART):
                continue
            if found > instant:
                return found
            previous = found
        return None

    def _on(self, day: int) -> float | None:
        """The event's instant within the UTC day with that number since 1970, in whole seconds."""
        ephem, event = _library(), _EVENTS[self.event]
        start = datetime.datetime.fromtimestamp(day * DAY, datetime.UTC).replace(tzinfo=None)
        place = ephem.Observer()  # one for each question: it is changed by asking, and threads share schedules
        place.lat, place.lon, place.elevation, place.pressure = str(self.lat), str(self.lon), 0, 0
        place.horizon, place.date = event.horizon, start
        options = {"use_center": True} if event.of_centre else {}
        try:
            found = getattr(place, event.method)(ephem.Sun(), start=start, **options)
        except ephem.CircumpolarError:
            return None
        seconds = round(found.datetime().replace(tzinfo=datetime.UTC).timestamp())
        return float(seconds) if day * DAY <= seconds < (day + 1) * DAY else None

    def describe(self) -> str:
        """``at sunset at 52.5° north, 13.4° east``."""
        north = f"{abs(self.lat):g}° {'north' if self.lat >= 0 else 'south'}"
        east = f"{abs(self.lon):g}° {'east' if self.lon >= 0 else 'west'}"
        return f"at {self.event.replace('_', ' ')} at {north}, {east}"

    def plain(self) -> dict[str, Any]:
        """``{"kind": "solar", "event": …, "latitude": …, "longitude": …}``."""
        return self._plain(event=self.event, latitude=self.lat, longitude=self.lon)

    @classmethod
    def from_plain(cls, data: Mapping[str, Any], app: KernelQ | None = None) -> Self:
        """The schedule `plain` wrote down."""
        return cls(data["event"], data["latitude"], data["longitude"], app=app, tz=data.get("tz"))

    def __repr__(self) -> str:
        return f"<solar: {self.event} at latitude {self.lat}, longitude: {self.lon}>"

    def _values(self) -> tuple[object, ...]:
        return self.event, self.lat, self.lon

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, solar) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())


def _library() -> ModuleType:
    try:
        return import_module("ephem")
    except ImportError as error:
        raise ImproperlyConfigured("solar needs the library ephem; try: pip install 'kernelq[solar]'") from error
