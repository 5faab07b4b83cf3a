"""A case: a function that asks something of the shop and says what came of it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shop.journal import error, plain

PATIENCE = 60.0
"""Seconds a case waits for a result."""

SOON = 1.0
"""Seconds in which a task that does not end would have ended."""

Case = Callable[[], Any]

CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    """List a function as a case, under its name."""
    CASES[function.__name__] = function
    return function


def end(result: Any) -> dict[str, Any]:
    """What a task came to, as its caller sees it."""
    value = result.get(timeout=PATIENCE, propagate=False)
    seen = {"state": result.state, "value": plain(value), "traceback": bool(result.traceback)}
    if isinstance(value, BaseException):
        try:
            result.get(timeout=PATIENCE)
        except Exception as raised:  # noqa: BLE001  (whatever it is, it is compared)
            seen["raised"] = error(raised)
            seen["text"] = str(raised) if "args" in error(raised) else "its own"
    return seen


def ends(*results: Any) -> list[dict[str, Any]]:
    """What several tasks came to."""
    return [end(result) for result in results]


def refusal(call: Callable[[], Any]) -> Any:
    """The kind of error a call raises that must not succeed, and which of Python's own it is besides."""
    try:
        return ["no error", plain(call())]
    except Exception as refused:  # noqa: BLE001  (whatever it is, it is compared)
        kinds = [kind.__name__ for kind in type(refused).__mro__]
        own = [kind.__name__ for kind in type(refused).__mro__ if kind.__module__ == "builtins"]
        return [kinds[0], own[0]]


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when it is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("waited too long")
        time.sleep(0.01)


def journal(what: str) -> list[dict[str, Any]]:
    """The lines of a kind the journal has by now."""
    lines = [json.loads(line) for line in Path(os.environ["SHOP_JOURNAL"]).read_text().splitlines()]
    return [line for line in lines if line["what"] == what]


def ended(task_id: str) -> list[dict[str, Any]]:
    """The runs of a task that are over, by the journal."""
    return [line for line in journal("task_postrun") if line["id"] == task_id]
