"""Finding a project's app for ``-A``."""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib import import_module

from kernelq import KernelQ
from kernelq.contracts import ImproperlyConfigured


def find_app(name: str) -> KernelQ:
    """The app of ``-A name``: ``module:attribute``, or a module holding ``app``, ``kernelq``, or any app.

    A package is also asked for its submodule ``kernelq`` or ``celery``. The working directory is on the path.

    Raises:
        ImproperlyConfigured: nothing there, or the import failed; the cause is the import's own error.
    """
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    module_name, _, attribute = name.partition(":")
    found = _import(module_name, name)
    if attribute:
        try:
            found = getattr(found, attribute)
        except AttributeError as error:
            raise ImproperlyConfigured(f"module {module_name!r} has no {attribute!r} (from -A {name})") from error
        if isinstance(found, KernelQ):
            return found
        raise ImproperlyConfigured(f"expected a KernelQ app at {name!r}, got {found!r}")
    for candidate in (getattr(found, "app", None), getattr(found, "kernelq", None), *vars(found).values()):
        if isinstance(candidate, KernelQ):
            return candidate
    for submodule in ("kernelq", "celery"):
        full = f"{module_name}.{submodule}"
        if hasattr(found, "__path__") and importlib.util.find_spec(full) is not None:
            return find_app(full)
    raise ImproperlyConfigured(f"module {module_name!r} holds no KernelQ app; name it: -A {module_name}:app")


def _import(module: str, name: str) -> object:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name and module.split(".")[0] == error.name.split(".")[0]:
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
