"""Stored failures back to exceptions."""

from __future__ import annotations

import builtins
import sys
from typing import Any

from kernelq import KernelQError


class SecurityError(KernelQError):
    """A stored result names a class that is no exception; calling it could do anything."""


class UnknownStoredError(Exception):
    """Stands in for a stored exception whose class cannot be found here; subclasses bear its name."""


def rebuild(data: Any) -> BaseException:
    """The exception that was stored: of its own class when its module is imported here, else a stand-in.

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
    found: Any = sys.modules.get(data.get("exc_module") or "builtins", builtins)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is None:
        found = type(name.rpartition(".")[2], (UnknownStoredError,), {})
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        raise SecurityError(
            f"expected the stored class {data.get('exc_module')}.{name} to be an exception, got {found!r}"
        )
    try:
        return found(*arguments)
    except Exception:  # noqa: BLE001  (a constructor that takes other arguments than it stored)
        return UnknownStoredError(f"{name}{tuple(arguments)!r}")
