"""Stored failures back to exceptions, of classes that are imported here already and of no others."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from .errors import SecurityError, UnknownStoredError

_OURS = {"celery.exceptions": ".exceptions", "kombu.exceptions": ".exceptions", "billiard.exceptions": ".exceptions"}
"""Modules of a peer on the other side whose exceptions have counterparts of the same names here."""


def rebuild(data: Any) -> BaseException:
    """The exception that was stored: of its own class when its module is imported here, else of a stand-in of its name.

    Nothing is imported for it, and nothing but an exception is called.

    Raises:
        SecurityError: the class named is no exception.
    """
    if isinstance(data, BaseException):
        return data
    if not isinstance(data, dict) or "exc_type" not in data:
        return UnknownStoredError(data)
    arguments = data.get("exc_message") or ()
    arguments = arguments if isinstance(arguments, list | tuple) else (arguments,)
    name = str(data["exc_type"])
    module = data.get("exc_module") or "builtins"
    found = _class_of(str(module), name)
    if found is None:
        found = type(name.rpartition(".")[2], (UnknownStoredError,), {"__module__": str(module)})
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        raise SecurityError(f"expected the stored class {module}.{name} to be an exception, got {found!r}")
    try:
        return found(*arguments)
    except Exception:  # noqa: BLE001  (a constructor that takes other arguments than it stored)
        return UnknownStoredError(f"{name}{tuple(arguments)!r}")


def _class_of(module: str, name: str) -> Any:
    """What stands under a qualified name in an imported module; None when it is not there.

    Read from the dictionaries: asking for an attribute could import, or run code of a module's ``__getattr__``.
    """
    found: Any = sys.modules.get(module)
    if found is None and module in _OURS:
        from . import exceptions as found
    for part in name.split("."):
        if not isinstance(found, ModuleType | type):
            return None
        found = vars(found).get(part)
    return found
