"""The shop's journal: one JSON line for everything that happens to a task, in the file SHOP_JOURNAL names."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

_OWN = ("celery.", "kombu.", "billiard.", "kernelq")
"""Packages whose errors word their texts as they like."""


def record(what: str, **details: Any) -> None:
    """Append a line; processes may do so at the same time."""
    path = os.environ.get("SHOP_JOURNAL")
    if path is None:
        return
    line = json.dumps({"what": what, **plain(details)}) + "\n"
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def plain(value: Any) -> Any:
    """A value as JSON has it: exceptions by name and arguments, tasks by name, requests by what they run."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, BaseException):
        return error(value)
    if hasattr(value, "exception") and hasattr(value, "traceback"):
        return about(value)
    if hasattr(value, "called_directly"):
        return {"request": [value.id, value.task, value.retries]}
    if hasattr(value, "apply_async"):
        return {"task": value.name}
    return f"<{type(value).__name__}>"


def error(value: BaseException) -> dict[str, Any]:
    """An exception; of a retry why and when, of the library's own errors only the name."""
    kind = type(value).__name__
    if kind == "Retry":
        return {"error": kind, "why": plain(getattr(value, "exc", None)), "when": plain(getattr(value, "when", None))}
    if type(value).__module__.startswith(_OWN):
        return {"error": kind}
    return {"error": kind, "args": plain(value.args)}


def about(einfo: Any) -> dict[str, Any]:
    """An ``einfo``, with what error handlers make of it."""
    lines = str(einfo).strip().splitlines()
    return {
        "type": einfo.type.__name__,
        "head": lines[0],
        "last": lines[-1].partition(":")[0].rpartition(".")[2],
        "text": type(einfo.traceback).__name__,
        "same": str(einfo) == einfo.traceback,
    }
