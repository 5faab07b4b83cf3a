"""What this plugin adds to the app."""

from __future__ import annotations

import datetime
from typing import Any
from zoneinfo import ZoneInfo


class AppMethods:
    """Attributes of every app, found by the entry points ``KernelQ.<name>``."""

    @property
    def timezone(self: Any) -> datetime.tzinfo:
        """The zone of naive datetimes: `timezone`, else UTC, or the machine's with `enable_utc` off."""
        if self.conf.timezone:
            return ZoneInfo(self.conf.timezone)
        return datetime.UTC if self.conf.enable_utc else datetime.datetime.now().astimezone().tzinfo or datetime.UTC

    def now(self: Any) -> datetime.datetime:
        """The time now, in the app's zone."""
        return datetime.datetime.now(self.timezone)

    def instant(self: Any, value: Any, now: float, name: str) -> float:
        """UTC epoch seconds of a number of seconds from now, a datetime (naive: the app's zone) or ISO text."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return now + value
        try:
            moment = datetime.datetime.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            moment = None
        if isinstance(moment, datetime.timedelta):
            return now + moment.total_seconds()
        if not isinstance(moment, datetime.datetime):
            raise TypeError(f"expected {name} as seconds, a datetime or ISO 8601 text, got {value!r}")
        return (moment if moment.tzinfo else moment.replace(tzinfo=self.timezone)).timestamp()
