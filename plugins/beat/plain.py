"""Entries as stores keep them: JSON data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernelq import KernelQ
from kernelq.contracts import ImproperlyConfigured

from .entry import ScheduleEntry

KEPT = ("task", "args", "kwargs", "options", "catch_up", "overlap", "enabled", "zone", "description")


def entry_of(
    name: str, definition: Mapping[str, Any], app: KernelQ, cls: type[ScheduleEntry] = ScheduleEntry
) -> ScheduleEntry:
    """The entry that a store's definition describes.

    Raises:
        ImproperlyConfigured, TypeError, ValueError, KeyError: it says something unknown, or not what is needed.
    """
    from kernelq.schedules import from_plain

    about = {key: value for key, value in definition.items() if key != "schedule"}
    unknown = sorted(set(about) - set(KEPT))
    if unknown:
        raise ImproperlyConfigured(f"unknown {', '.join(unknown)} (known: schedule, {', '.join(KEPT)})")
    schedule = from_plain(definition["schedule"], app)
    return cls(name=name, schedule=schedule, app=app, origin="store", **about)


def definition_of(entry: ScheduleEntry) -> dict[str, Any]:
    """What a store keeps of an entry.

    Raises:
        TypeError: its schedule cannot be written down.
    """
    kept = {name: getattr(entry, name) for name in KEPT}
    kept["args"] = list(entry.args)
    said = {name: value for name, value in kept.items() if value not in (None, "", [], {}) or name == "enabled"}
    return {"schedule": entry.schedule.plain(), **said}
