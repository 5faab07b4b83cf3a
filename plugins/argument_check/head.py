"""The head of a function: its parameters and nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def head_of(fun: Callable[..., Any]) -> Callable[..., Any] | None:
    """A function that takes what `fun` takes and does nothing: calling it checks arguments in 0.1 µs.

    `inspect.Signature.bind` gives the same errors at thirty times the cost (3 µs, measured on 3.11).
    """
    try:
        parameters = list(inspect.signature(fun).parameters.values())
    except (TypeError, ValueError):
        return None  # a builtin without a signature; the worker will tell
    plain = [
        parameter.replace(
            annotation=parameter.empty, default=parameter.empty if parameter.default is parameter.empty else None
        )
        for parameter in parameters
    ]
    name = getattr(fun, "__name__", "run")
    if not name.isidentifier():
        name = "run"
    space: dict[str, Any] = {}
    exec(f"def {name}{inspect.Signature(plain)}: pass", space)  # names come from a signature, not from users
    head: Callable[..., Any] = space[name]
    head.__qualname__ = getattr(fun, "__qualname__", name)
    return head
