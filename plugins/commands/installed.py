"""What is installed: plugins, drivers and public names, read from the entry points of every distribution."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from kernelq.contracts import KINDS

PLUGINS = "kernelq.plugins"
NAMES = "kernelq.api"


def drivers() -> list[tuple[str, EntryPoint]]:
    """(kind, entry point) of every driver; nothing is imported."""
    return [(kind, point) for kind, group in KINDS.items() for point in sorted(entry_points(group=group))]


def drivers_of(module: str) -> list[tuple[str, EntryPoint]]:
    """Those that the plugin of this module brings."""
    return [(kind, point) for kind, point in drivers() if f"{point.module}.".startswith(f"{module}.")]


@cache
def _versions() -> dict[tuple[str, str], str]:
    points = entry_points(group=PLUGINS)
    return {(point.name, point.module): point.dist.version if point.dist else "" for point in points}


def version_of(name: str, module: str) -> str:
    """Of the distribution that offers a plugin; empty when none does."""
    return _versions().get((name, module), "")


def import_point(point: EntryPoint) -> tuple[Any, str | None, str | None]:
    """(what it names or None, why it is skipped, why it is broken).

    Skipped is what wants a library that is not installed; whoever needs it installs that.
    """
    try:
        return point.load(), None, None
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] != point.module.partition(".")[0]:
            return None, f"needs {error.name}, which is not installed", None
        return None, None, f"cannot be imported: {error}"
    except Exception as error:  # noqa: BLE001  (whatever a stranger's module raises is the answer)
        return None, None, f"cannot be imported: {type(error).__name__}: {error}"
