"""Where an SQLite database lies and how it is opened, read from its URL."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl

from kernelq.contracts import ImproperlyConfigured

BUSY_TIMEOUT = 5.0
"""Seconds; as long as `delay` may take before it fails."""

_SYNCHRONOUS = ("normal", "full", "off")
_OPTIONS = ("busy_timeout", "synchronous")


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteAddress:
    """A parsed URL. `path` is absolute and free of links, so it outlives a change of directory."""

    path: str
    synchronous: str = _SYNCHRONOUS[0]
    busy_timeout: float = BUSY_TIMEOUT
    """Seconds."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL.

        Raises:
            ImproperlyConfigured: it names no file, or an option is unknown or out of range.
        """
        place, _, query = url.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        unknown = sorted(options.keys() - set(_OPTIONS))
        if unknown:
            raise ImproperlyConfigured(
                f"unknown option {unknown[0]!r} in {url!r}; expected one of: {', '.join(_OPTIONS)}"
            )
        return cls(
            path=_path(place, url),
            synchronous=_synchronous(options.get("synchronous", _SYNCHRONOUS[0]), url),
            busy_timeout=_seconds(options.get("busy_timeout", str(BUSY_TIMEOUT)), url),
        )

    @property
    def canonical(self) -> str:
        """The identity of the database, whatever the options."""
        return f"sqlite:///{self.path}"


def _path(place: str, url: str) -> str:
    host, slash, name = place.partition("://")[2].partition("/")
    if host:
        raise ImproperlyConfigured(
            f"an SQLite URL names no host, got {url!r}; write sqlite:///file.sqlite3, "
            f"or sqlite:////absolute/file.sqlite3"
        )
    if not slash or name in ("", ":memory:"):
        raise ImproperlyConfigured(
            f"{url!r} names no file, and a database in memory cannot be shared by processes; "
            f"write sqlite:///file.sqlite3, or use memory:// for one process"
        )
    return os.path.realpath(name)


def _synchronous(value: str, url: str) -> str:
    if value.lower() not in _SYNCHRONOUS:
        raise ImproperlyConfigured(f"synchronous must be normal, full or off, got {value!r} in {url!r}")
    return value.lower()


def _seconds(value: str, url: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 86400:
        raise ImproperlyConfigured(f"busy_timeout must be seconds from 0 to 86400, got {value!r} in {url!r}")
    return seconds
