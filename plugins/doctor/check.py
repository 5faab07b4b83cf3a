"""A check: one thing looked at, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the report: `name` is what was looked at, `what` was found, `advice` says what to do."""

    name: str
    level: Level
    what: str
    advice: str = ""


def ok(name: str, what: str) -> Check:
    """It is as it should be."""
    return Check(name=name, level="ok", what=what)


def warning(name: str, what: str, advice: str) -> Check:
    """It works, and may not one day."""
    return Check(name=name, level="warning", what=what, advice=advice)


def failed(name: str, what: str, advice: str = "") -> Check:
    """It does not work."""
    return Check(name=name, level="failed", what=what, advice=advice)


def milliseconds(seconds: float) -> str:
    """A short time for people: ``0.42 ms``, ``12 ms``."""
    amount = seconds * 1000
    return f"{amount:.2f} ms" if amount < 10 else f"{amount:.0f} ms"
