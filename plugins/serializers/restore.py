"""Reading back: from plain data with tags, as a format's reader gave it, to the values."""

from __future__ import annotations

from typing import Any, NoReturn

from kernelq.contracts import DecodeError

from .tags import TAG_KEYS, TYPE, VALUE, decode

MAX_DEPTH = 256
"""Levels of lists and dicts, as they are written, tags included; the same for writing and reading.

Python allows 1,000 frames: writing takes two a level, and the caller has used some already.
"""

CONTAINERS = frozenset({list, dict})


def restore(value: Any) -> Any:
    """Turn every tag inside `value` into what it stands for, in place: nobody else holds it yet.

    Raises:
        DecodeError: a tag nobody knows, a payload it cannot be made of, or nesting beyond `MAX_DEPTH`.
    """
    return _restore(value, 1) if type(value) in CONTAINERS else value


def refuse_depth(value: Any) -> None:
    """Raise `DecodeError` if `value` is nested beyond `MAX_DEPTH`; for data without tags."""
    level = [value] if type(value) in CONTAINERS else []
    for _ in range(MAX_DEPTH):
        level = [
            child
            for container in level
            for child in (container.values() if type(container) is dict else container)
            if type(child) in CONTAINERS
        ]
        if not level:
            return
    _too_deep()


def _restore(value: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        _too_deep()
    if type(value) is list:
        for index, item in enumerate(value):
            if type(item) in CONTAINERS:
                value[index] = _restore(item, depth + 1)
        return value
    for key, item in value.items():
        if type(item) in CONTAINERS:
            value[key] = _restore(item, depth + 1)
    return _untag(value[TYPE], value[VALUE]) if value.keys() == TAG_KEYS else value


def _untag(tag: Any, payload: Any) -> Any:
    try:
        return decode(tag, payload)
    except Exception as error:
        # Payloads come from strangers and decoders from users: either may make it raise anything.
        reason = str(error) if type(error) is ValueError else repr(error)
        raise DecodeError(f"cannot read a value tagged {tag!r}: {reason}") from error


def _too_deep() -> NoReturn:
    raise DecodeError(f"nested deeper than {MAX_DEPTH} levels")
