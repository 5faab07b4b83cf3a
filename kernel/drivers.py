"""Drivers: one of several, chosen by name or URL scheme, found by stevedore, loaded on first use."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from .errors import DriverNotFound, PluginConflict, mask, nearest, scheme
from .installed import entry_points

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

KINDS = {
    "engine": "kernelq.engines",
    "broker": "kernelq.brokers",
    "backend": "kernelq.backends",
    "serializer": "kernelq.serializers",
    "compressor": "kernelq.compressors",
    "pool": "kernelq.pools",
    "lock store": "kernelq.locks",
    "schedule store": "kernelq.schedules",
    "workflow store": "kernelq.workflows",
}
"""Kind of driver → entry-point group."""


@cache
def offered(kind: str) -> dict[str, EntryPoint]:
    """Every installed driver of `kind` (a key of `KINDS`) by name; nothing is imported."""
    return {point.name: point for point in entry_points(group=KINDS[kind])}


def load(kind: str, name: str, *, disabled: Collection[str] = ()) -> Any:
    """The class of the driver `name` of `kind`, imported now.

    A driver that belongs to a plugin in `disabled` is not found.

    Raises:
        DriverNotFound: none of that name, or its library is missing; says what there is.
        PluginConflict: two distributions offer it.
    """
    # Imported here: stevedore costs 30 ms, and an app that only defines tasks needs no driver.
    from stevedore import DriverManager
    from stevedore.exception import MultipleMatches
    from stevedore.extension import ExtensionManager

    point = offered(kind).get(name)
    if point is None:
        raise DriverNotFound(_nothing_found(kind, name))
    if plugin_of(point) in disabled:
        raise DriverNotFound(
            f"the {kind} driver {name!r} belongs to the plugin {plugin_of(point)!r}, which is disabled"
        )
    # It would look through all distributions again.
    ExtensionManager.ENTRY_POINT_CACHE[KINDS[kind]] = entry_points(KINDS[kind])
    try:
        manager: DriverManager[Any] = DriverManager(KINDS[kind], name, invoke_on_load=False)
    except MultipleMatches as error:
        raise PluginConflict(f"two distributions offer the {kind} driver {name!r}; uninstall one of them") from error
    except ImportError as error:
        raise DriverNotFound(
            f"the {kind} driver {name!r} needs a library that is not installed ({error}); "
            f"try: pip install 'kernelq[{next(iter(point.extras), name)}]'"
        ) from error
    return manager.driver


def loadable(kind: str, disabled: Collection[str] = ()) -> Iterator[Any]:
    """The classes of every driver of `kind`, by name, imported one at a time; those that cannot be are left out."""
    for name in sorted(offered(kind)):
        try:
            yield load(kind, name, disabled=disabled)
        except DriverNotFound:
            pass  # its library is missing or its plugin disabled: whoever asks by content type may want another


def load_for_url(kind: str, url: str, *, disabled: Collection[str] = ()) -> Any:
    """The class of the driver for a URL; see `load`."""
    name = scheme(url)
    if not name or "://" not in url:
        shown = mask(url) if "://" in url else mask(f"://{url}")[3:]  # a secret is one without a scheme too
        raise DriverNotFound(f"expected a {kind} URL such as 'sqlite:///kernelq.sqlite3', got {shown!r}")
    return load(kind, name, disabled=disabled)


def plugin_of(point: EntryPoint) -> str:
    """The name of the plugin that brings a driver: the last part of its package."""
    package = point.value.partition(":")[0].split(".")
    return package[1] if package[0] == "kernelq_plugins" and len(package) > 1 else package[0]


def _nothing_found(kind: str, name: str) -> str:
    installed = ", ".join(sorted(offered(kind))) or "none"
    text = f"no {kind} driver for {name!r} (installed: {installed}){nearest(name, offered(kind))}"
    if kind in ("broker", "backend", "engine"):
        text += f"; try: pip install kernelq-{name}, or give a module that brings one by --plugin"
    return text
