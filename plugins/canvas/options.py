"""Options of a call, and plain data, in the forms they are needed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .lazy import Lazy


def listed(value: Any) -> list[Any]:
    """An option that is None, one value or a list of them, as a list of its own."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def with_stamps(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a message: stamps, which a signature has among its options, as the message has them."""
    names = options.get("stamped_headers")
    if not names:
        return options
    stamps = {name: options[name] for name in names if name in options and name != "stamped_headers"}
    rest = {name: value for name, value in options.items() if name not in stamps}
    return {
        **rest,
        "stamps": {**(options.get("stamps") or {}), **stamps},
        "stamped_headers": tuple(dict.fromkeys(names)),
    }


def as_lists(value: Any) -> Any:
    """The same with lists in the place of tuples, all the way down."""
    if isinstance(value, Mapping):
        return {
            name: as_lists(dict.__getitem__(value, name) if isinstance(value, dict) else value[name]) for name in value
        }
    if isinstance(value, list | tuple | Lazy):
        return [as_lists(item) for item in value]
    return value
