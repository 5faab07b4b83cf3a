"""Checking an installation: load every plugin, driver and public name, and say what is wrong with each."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from kernelq import KernelQ, KernelQError
from kernelq.contracts import Backend, Broker, Engine, Serializer

from .installed import NAMES, PLUGINS, drivers, import_point

CONTRACTS: dict[str, type] = {"engine": Engine, "broker": Broker, "backend": Backend, "serializer": Serializer}
"""Kind of driver → the class its drivers derive from; see `_contract`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What came of checking one thing: `problem`, else `skipped`, say why; fine when both are None."""

    kind: str
    name: str
    origin: str
    problem: str | None = None
    skipped: str | None = None


def findings() -> Iterator[Finding]:
    """Check everything installed, one finding each."""
    plugins = sorted(entry_points(group=PLUGINS))
    bare = KernelQ("check", disable_plugins=tuple({point.name for point in plugins}), set_as_current=False)
    things = [("plugin", point) for point in plugins]
    things += drivers()
    things += [("name", point) for point in sorted(entry_points(group=NAMES))]
    different = list(dict.fromkeys(things))  # a distribution may be on the path twice
    offers = Counter((kind, point.name) for kind, point in different)
    for kind, point in different:
        if offers[kind, point.name] > 1:
            yield Finding(
                kind=kind, name=point.name, origin=point.value, problem="is offered twice; uninstall one of the two"
            )
        else:
            yield _checked(kind, point, bare)


def _checked(kind: str, point: EntryPoint, bare: KernelQ) -> Finding:
    thing, skipped, problem = import_point(point)
    if thing is not None and kind == "plugin":
        problem = _problem_of_plugin(thing, point.name, bare)
    elif thing is not None and (contract := _contract(kind)) is not None:
        problem = _problem_of_driver(thing, contract)
    return Finding(kind=kind, name=point.name, origin=point.value, problem=problem, skipped=skipped)


def _problem_of_plugin(plugin: Any, name: str, bare: KernelQ) -> str | None:
    try:
        bare.plugins.register(plugin, name)
    except KernelQError as error:
        return str(error)
    return None


def _contract(kind: str) -> type | None:
    if kind == "pool":
        from kernelq.pools import Pool  # a plugin offers it: not there, no pool could be imported either

        return Pool
    return CONTRACTS.get(kind)


def _problem_of_driver(driver: Any, contract: type) -> str | None:
    if not (isinstance(driver, type) and issubclass(driver, contract)):
        return f"expected a subclass of kernelq.contracts.{contract.__name__}, got {driver!r}"
    # A class with a `__new__` of its own may choose a subclass by the URL.
    if inspect.isabstract(driver) and driver.__new__ is object.__new__:
        return f"lacks {', '.join(sorted(vars(driver)['__abstractmethods__']))}"
    return None
