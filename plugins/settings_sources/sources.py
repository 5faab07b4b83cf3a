"""Reading a configuration source: a module, a class, an object, a dotted name or a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from kernelq.contracts import ImproperlyConfigured, UnknownSetting

if TYPE_CHECKING:
    from kernelq import Option
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
    given = members(conf, found, namespace)
    values = under(given, namespace)
    chosen: dict[str, Any] = {}
    for name, value in values.items():
        declared = _declared(conf, name, namespace) if is_strict or name.startswith(FAMILIES) else conf.find(name)
        # Given under both names: the new one counts.
        if declared is not None and (name == declared.name or declared.name not in values):
            chosen[declared.name] = value
    if lonely := mixture(conf, values):
        renames = ", ".join(f"{name} -> {to}" for name, to in sorted(lonely.items()))
        raise ImproperlyConfigured(f"old and new setting names are mixed in one source; rename: {renames}")
    if isinstance(given.get("TIME_ZONE"), str):
        chosen.setdefault("timezone", given["TIME_ZONE"])
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


def members(conf: Config, found: Any, namespace: str | None = None) -> dict[str, Any]:
    """What a source holds by name. Functions and classes are its author's, save where a setting may be one."""
    if isinstance(found, Mapping):
        return dict(found)
    head = head_of(namespace) if namespace else ""
    kept: dict[str, Any] = {}
    for name in dir(found):
        if name.startswith("_"):
            continue
        value = getattr(found, name)
        if isinstance(value, ModuleType | FunctionType | type):
            option = conf.find(name.removeprefix(head).lower() if head else name)
            if option is None or option.type is not object:
                continue
        kept[name] = value
    return kept


def under(given: Mapping[str, Any], namespace: str | None) -> dict[str, Any]:
    """What a source holds under a namespace, without it; everything if there is none."""
    if not namespace:
        return dict(given)
    head = head_of(namespace)
    return {name.removeprefix(head).lower(): value for name, value in given.items() if name.startswith(head)}


def head_of(namespace: str) -> str:
    """How names of a namespace begin."""
    return namespace.rstrip("_").upper() + "_"


def mixture(conf: Config, values: Mapping[str, Any]) -> dict[str, str]:
    """Old names and what they are today, if new ones stand beside them that are not the same settings."""
    known = {name: option for name in values if (option := conf.find(name)) is not None}
    old = {name: option.name for name, option in known.items() if name != option.name and name.isupper()}
    new = known.keys() - old.keys()
    lonely = {name: to for name, to in old.items() if to not in new}
    return lonely if lonely and new - set(old.values()) else {}


def _declared(conf: Config, name: str, namespace: str | None) -> Option:
    """The setting of a name; raises `UnknownSetting`, which knows old names written under a namespace."""
    if namespace and conf.find(name) is None:
        old = conf.find(f"{head_of(namespace)}{name.upper()}")
        if old is not None:
            raise UnknownSetting(
                f"unknown setting {name!r} under the namespace {namespace!r}, where names are the new ones; "
                f"write {head_of(namespace)}{old.name.upper()}"
            )
    return conf.declared(name)


def _import_dotted(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        parent, _, attribute = name.rpartition(".")
        # Only when this very name is missing: a missing import inside the module must be seen.
        if error.name != name or not parent:
            raise
        return getattr(import_module(parent), attribute)
