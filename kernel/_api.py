"""Public names that live in plugins: ``kernelq.signals``, ``kernelq.AsyncResult``, ``app.Worker``, ``task.s``.

Entry points of the group ``kernelq.api`` say where: ``signals = kernelq_plugins.signals.api`` makes a
module, ``chain = kernelq_plugins.canvas:chain`` a name, ``Task.s = …`` an attribute of every task, ``KernelQ.Worker = …``
one of every app. Nothing is imported until it is asked for.
"""

from __future__ import annotations

import sys
from functools import cache, reduce
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .installed import offers


@cache
def offered() -> dict[str, str]:
    """Every public name a plugin offers, and where: ``module`` or ``module:attribute``."""
    return {name: place.partition("[")[0].strip() for name, place in offers("kernelq.api")}


@cache
def find(name: str) -> Any:
    """The object behind a public name of a plugin; raises `AttributeError`, saying what to install."""
    place = None if name.startswith("_") else offered().get(name)
    if place is None:
        raise AttributeError(f"module 'kernelq' has no attribute {name!r}")
    try:
        return load(place)
    except ImportError as error:
        package = place.partition(":")[0].split(".")
        raise AttributeError(
            f"kernelq.{name} lives in the plugin {'.'.join(package[:2])}, which cannot be imported: {error}"
        ) from error


def load(place: str) -> Any:
    """What stands at ``module`` or ``module:attribute``, imported now."""
    module, _, path = place.partition(":")
    return reduce(getattr, path.split(".") if path else (), import_module(module))


class Lazy:
    """Stands on a class for an attribute that a plugin brings, until somebody asks for it."""

    def __init__(self, owner: type, name: str) -> None:
        self._owner, self._name = owner, name

    def __get__(self, instance: Any, owner: type) -> Any:
        found = find(f"{self._owner.__name__}.{self._name}")
        setattr(self._owner, self._name, found)
        return found.__get__(instance, owner) if hasattr(found, "__get__") else found


def graft(owner: type) -> None:
    """Give a class the attributes that plugins bring for it, entry points such as ``Task.s``; its own are kept."""
    for place in offered():
        kind, _, name = place.partition(".")
        if kind == owner.__name__ and name and name not in vars(owner):
            setattr(owner, name, Lazy(owner, name))


class _Finder:  # not derived from the classes of `importlib.abc`, which costs 9 ms
    """Makes ``from kernelq.signals import …`` work for a module that a plugin offers."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        parent, _, name = fullname.partition(".")
        if parent != "kernelq" or "." in name or name not in offered() or ":" in offered()[name]:
            return None
        return ModuleSpec(fullname, self)  # type: ignore[arg-type]  # it is a loader in all but its base class

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        # The plugin's own module, not a copy: one set of signals, whatever name it is imported by.
        module = import_module(offered()[spec.name.partition(".")[2]])
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has run under its own name, and that is the name it keeps."""
        if module.__spec__ is not None:
            module.__spec__ = module.__spec__.loader_state


def install() -> None:
    """Let Python ask us for submodules of ``kernelq`` that are not in the kernel's folder."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
