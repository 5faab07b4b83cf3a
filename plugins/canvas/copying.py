"""Calls that come from outside: they are checked, and copied with all the plain data around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from .composable import Composable
from .lazy import Lazy

V = TypeVar("V")


def checked(call: V) -> V:
    """What is a signature, or its plain form.

    Raises:
        TypeError: it is neither.
    """
    if not isinstance(call, Mapping):
        raise TypeError(f"expected a signature, as task.s() makes it, got {call!r}")
    return call


def copied(value: Any) -> Any:
    """A copy of dicts, lists and signatures all the way down; anything else, iterators too, is left as it is."""
    if isinstance(value, Composable):
        return cast(Any, value).clone()
    if isinstance(value, Lazy):
        return value.map(copied)
    if type(value) is dict:
        return {name: copied(item) for name, item in value.items()}
    if type(value) in (list, tuple, set):
        return type(value)(map(copied, value))
    return value
