"""Where an SQL server's database lies, read from its URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from kernelq.contracts import ImproperlyConfigured, mask
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

TIMEOUT = 4.0
"""Seconds; as long as `delay` may take before it fails."""

POOL_SIZE = 10
"""Connections of one process, at most; threads that find none free wait for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAddress:
    """A parsed URL; printing it shows no password."""

    host: str | None
    """None: the client library's own default, a socket of this machine."""
    port: int
    database: str | None
    user: str | None
    password: str | None
    timeout: float
    """Seconds one statement may take."""
    pool_size: int
    options: Mapping[str, str]
    """What else the query said, for the client library."""

    @classmethod
    def parse(cls, url: str, port: int) -> Self:
        """Read a URL; `port` is the server's usual one.

        Raises:
            ImproperlyConfigured: it cannot be read, or an option of ours is out of range.
        """
        try:
            parsed = make_url(url.removeprefix("db+"))
            options = {name: _single(name, value) for name, value in parsed.query.items()}
        except (ArgumentError, ValueError) as error:
            raise ImproperlyConfigured(
                f"expected a URL such as 'postgresql://user@host:{port}/database', got {mask(url)!r}"
            ) from error
        return cls(
            host=parsed.host or None,
            port=parsed.port or port,
            database=parsed.database or None,
            user=parsed.username,
            password=parsed.password,
            timeout=_number("timeout", options.pop("timeout", TIMEOUT), 0.1, url),
            pool_size=int(_number("pool_size", options.pop("pool_size", POOL_SIZE), 1, url)),
            options=options,
        )

    @property
    def place(self) -> str:
        """Host, port and database, as messages name them."""
        return f"{self.host or 'localhost'}:{self.port}/{self.database or self.user or ''}"

    def __repr__(self) -> str:
        return f"<ServerAddress {self.place}>"


def _single(name: str, value: str | tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is given twice")
    return value


def _number(name: str, value: str | float, least: float, url: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not least <= number < 86400:
        raise ImproperlyConfigured(f"{name} must be a number from {least:g} to 86400, got {value!r} in {mask(url)!r}")
    return number
