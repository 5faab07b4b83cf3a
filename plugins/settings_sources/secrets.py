"""Secrets out of what is shown of settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernelq.contracts import mask

WORDS = ("API", "TOKEN", "KEY", "SECRET", "PASS", "SIGNATURE")
"""A setting or an option with one of these in its name is shown as stars."""

HARMLESS = ("ROUTING_KEY", "KEYPREFIX")
"""Words with one of them in it that hold no secret."""

STARS = "********"


def censor(name: str, value: Any) -> Any:
    """The value of `name` as it may be shown: passwords and tokens as stars, those in URLs too, however deep they lie."""
    if value and value is not True and _is_secret(name):
        return STARS
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {key: censor(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(censor("", item) for item in value)
    return value


def _is_secret(name: str) -> bool:
    rest = name.upper()
    for word in HARMLESS:
        rest = rest.replace(word, "")
    return any(word in rest for word in WORDS)
