"""Which store and which scheduler an app's schedule is with."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelq import KernelQ
from kernelq.contracts import ImproperlyConfigured, StashKey, load_driver
from kernelq.errors import nearest, scheme

from .contract import ScheduleStore

if TYPE_CHECKING:
    from .scheduler import Scheduler

KIND = "schedule store"

GROUPS = ("kernelq.beat_schedulers", "celery.beat_schedulers")
"""Entry points that name schedulers."""

DEFAULTS = ("celery.beat:PersistentScheduler", "celery.beat.PersistentScheduler", "kernelq.beat:PersistentScheduler", "kernelq.beat.PersistentScheduler")  # fmt: skip
"""What `beat_scheduler` says in configurations that mean the default."""

_MADE: StashKey[dict[str, ScheduleStore]] = StashKey()


def store_url(app: KernelQ, *, filename: str | None = None, url: str | None = None) -> str:
    """The URL of the store: `url`, the setting `schedule_store`, or a file, which a given `filename` prefers."""
    chosen: str | None = url or (None if filename else app.conf.schedule_store)
    return chosen or f"file://{Path(filename or app.conf.beat_schedule_filename).absolute()}"


def store_at(app: KernelQ, url: str) -> ScheduleStore:
    """The store behind a URL, made on first use.

    Raises:
        DriverNotFound: no driver for it.
    """
    made = app.stash.setdefault(_MADE, {})
    if url not in made:
        made[url] = load_driver(KIND, scheme(url), disabled=app.disabled)(app, url)
    return made[url]


def shared_store(app: KernelQ) -> ScheduleStore | None:
    """The store that workers tell of the ends of tasks; None: there is none that they reach."""
    url: str | None = app.conf.schedule_store
    store = store_at(app, url) if url else None
    return store if store is not None and store.is_shared else None


def close_stores(app: KernelQ) -> None:
    """Close what `store_at` made; the next use makes it anew."""
    for store in app.stash.pop(_MADE, {}).values():
        store.close()


def scheduler_class(app: KernelQ, name: str | type[Scheduler] | None = None) -> type[Any]:
    """The scheduler of a class path, of an entry point's name, or of the setting `beat_scheduler`.

    Raises:
        ImproperlyConfigured: there is none of that name, with what there is.
    """
    chosen = name or app.conf.beat_scheduler
    if not isinstance(chosen, str):
        return chosen
    if chosen in DEFAULTS:
        from .persistent import PersistentScheduler

        return PersistentScheduler
    named = {point.name: point for group in GROUPS for point in entry_points(group=group)}
    try:
        if chosen in named:
            found: type[Any] = named[chosen].load()
            return found
        module, _, attribute = chosen.rpartition(":" if ":" in chosen else ".")
        cls: type[Any] = getattr(import_module(module), attribute)
        return cls
    except (ImportError, AttributeError, ValueError) as error:
        known = ["kernelq.beat:PersistentScheduler", *named]
        raise ImproperlyConfigured(
            f"no scheduler {chosen!r} ({error}; known: {', '.join(known)}){nearest(chosen, known)}; give module:Class"
        ) from error
