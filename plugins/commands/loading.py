"""Finding a project's app for ``-A``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from kernelq import KernelQ
from kernelq.contracts import ImproperlyConfigured

ATTRIBUTES = ("app", "celery", "kernelq")
"""What a module's app is looked for under, in this order, before any other app in it."""

SUBMODULES = ("celery", "kernelq")
"""Where a package keeps its app, if not in itself."""


def find_app(name: str) -> KernelQ:
    """The app of ``-A name``: ``module:attribute``, ``module.attribute``, or a module holding ``app``, ``celery``,
    ``kernelq``, or any app. A package is also asked for its submodule ``celery`` or ``kernelq``. The working directory
    is on the path.

    Raises:
        ImproperlyConfigured: nothing there, with all that was tried; or the import failed, with its own error as cause.
    """
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    module_name, colon, attribute = name.partition(":")
    if colon:
        return _named(_import(module_name, name), attribute, name)
    parent, _, last = name.rpartition(".")
    if parent and not _is_module(name):
        return _named(_import(parent, name), last, name)
    return _inside(_import(name, name), name)


def _named(module: ModuleType, path: str, name: str) -> KernelQ:
    """The app at ``module:path``; a module there is searched."""
    found: Any = module
    for attribute in path.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError as error:
            raise ImproperlyConfigured(
                f"{_what(found)} has no {attribute!r} (from -A {name}){_hint(module)}"
            ) from error
    found = _behind_proxy(found)
    if isinstance(found, ModuleType):
        return _inside(found, name)
    if isinstance(found, KernelQ):
        return found
    if callable(found) and not isinstance(found, type):
        raise ImproperlyConfigured(
            f"expected a KernelQ app at {name!r}, got the function {found!r}; keep what it returns in a name of the "
            "module, and give that"
        )
    raise ImproperlyConfigured(f"expected a KernelQ app at {name!r}, got {found!r}{_hint(module)}")


def _inside(module: ModuleType, name: str) -> KernelQ:
    """The app a module holds, else one of its submodules."""
    tried = [f"{module.__name__}:{attribute}" for attribute in ATTRIBUTES]
    for attribute in ATTRIBUTES:
        found = _behind_proxy(getattr(module, attribute, None))
        if isinstance(found, KernelQ):
            return found
    held = next(_apps_of(module), None)
    if held is not None:
        return getattr(module, held)  # type: ignore[no-any-return]  # an app, as `_apps_of` says
    for submodule in SUBMODULES:
        full = f"{module.__name__}.{submodule}"
        if hasattr(module, "__path__"):
            tried.append(full)
            if find_spec(full) is not None:
                return _inside(_import(full, name), name)
    raise ImproperlyConfigured(
        f"module {module.__name__!r} holds no KernelQ app; name it: -A {module.__name__}:app (from -A {name}; tried "
        f"{', '.join(tried)}, and every other name in it)"
    )


def _apps_of(module: ModuleType) -> Iterator[str]:
    """The names under which a module holds apps."""
    return (name for name, value in list(vars(module).items()) if isinstance(value, KernelQ))


def _behind_proxy(found: Any) -> Any:
    return found._get_current_object() if hasattr(type(found), "_get_current_object") else found


def _hint(module: ModuleType) -> str:
    held = sorted(_apps_of(module))
    return f"; there is: {', '.join(f'{module.__name__}:{name}' for name in held)}" if held else ""


def _what(found: Any) -> str:
    return f"module {found.__name__!r}" if isinstance(found, ModuleType) else repr(found)


def _is_module(name: str) -> bool:
    """Whether a dotted name is a module's; its parents are imported for it."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError as error:
        return error.name != name  # named itself, its parent is no package; else a parent is missing: importing tells
    except Exception:  # noqa: BLE001  (whatever the parent's own code raises is told by importing it again)
        return True


def _import(module: str, name: str) -> ModuleType:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            raise ImproperlyConfigured(
                f"no module {error.name!r} (from -A {name}); run the command in the folder that holds it"
            ) from error
        raise ImproperlyConfigured(
            f"the module {module!r} (from -A {name}) needs {error.name!r}, which is missing"
        ) from error
    except Exception as error:
        raise ImproperlyConfigured(
            f"the module {module!r} (from -A {name}) failed to import: {type(error).__name__}: {error}"
        ) from error
