"""Reading a configuration source: a module, a class, a dotted name or a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from kernelq.contracts import ImproperlyConfigured

if TYPE_CHECKING:
    from kernelq.config import Config

FAMILIES = ("task_", "worker_", "broker_", "result_", "beat_", "event_", "control_")
"""How settings begin: a name in a module that begins so and is unknown is a mistake, not a helper."""


def read_source(conf: Config, source: Any, namespace: str | None, *, silent: bool) -> dict[str, Any]:
    """Values by setting out of a source, under the names they have today.

    Raises:
        ImproperlyConfigured: the source cannot be imported, or mixes old and new names.
        UnknownSetting: a name nobody declared.
    """
    found = resolve(source, silent=silent)
    if found is None:
        return {}
    is_strict = isinstance(found, Mapping) or namespace is not None
    values = dict(found) if isinstance(found, Mapping) else _members(found)
    if namespace:
        head = namespace.rstrip("_").upper() + "_"
        values = {name.removeprefix(head).lower(): value for name, value in values.items() if name.startswith(head)}
    chosen: dict[str, Any] = {}
    old: dict[str, str] = {}
    for name, value in values.items():
        declared = conf.declared(name) if is_strict or name.startswith(FAMILIES) else conf.find(name)
        if declared is None:
            continue
        if name != declared.name:
            old[name] = declared.name
            if declared.name in values:
                continue  # given under both names: the new one counts
        chosen[declared.name] = value
    _refuse_mixture(old, {name for name in values if conf.find(name) is not None and name not in old})
    return chosen


def resolve(source: Any, *, silent: bool = False) -> Any:
    """The object behind ``pkg.module``, ``pkg.module:name`` or ``pkg.module.name``; others as they are."""
    if not isinstance(source, str):
        return source
    module, _, attribute = source.partition(":")
    try:
        if attribute:
            return getattr(import_module(module), attribute)
        return _import_dotted(module)
    except (ImportError, AttributeError) as error:
        if silent:
            return None
        raise ImproperlyConfigured(f"cannot load the configuration {source!r}: {error}") from error


def _import_dotted(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        parent, _, attribute = name.rpartition(".")
        # Only when this very name is missing: a missing import inside the module must be seen.
        if error.name != name or not parent:
            raise
        return getattr(import_module(parent), attribute)


def _members(found: Any) -> dict[str, Any]:
    return {
        name: getattr(found, name)
        for name in dir(found)
        if not name.startswith("_") and not isinstance(getattr(found, name), ModuleType | FunctionType | type)
    }


def _refuse_mixture(old: dict[str, str], new: set[str]) -> None:
    lonely = {name: to for name, to in old.items() if to not in new}
    if lonely and new - set(old.values()):
        renames = ", ".join(f"{name} -> {to}" for name, to in sorted(lonely.items()))
        raise ImproperlyConfigured(f"old and new setting names are mixed in one source; rename: {renames}")
