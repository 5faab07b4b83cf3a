"""Secrets out of what is shown."""

from __future__ import annotations

from typing import Any

from kernelq import KernelQ
from kernelq.contracts import mask

SECRET_WORDS = ("API", "TOKEN", "KEY", "SECRET", "PASS", "SIGNATURE")
"""A setting or option with one of these in its name is shown as stars."""


def censored_table(app: KernelQ) -> dict[str, tuple[Any, str]]:
    """Every setting → (value, where it comes from), with passwords and tokens masked."""
    return {name: (censor(name, value), source) for name, (value, source) in app.conf.table().items()}


def censor(name: str, value: Any) -> Any:
    """The value of `name` as it may be shown."""
    if value and isinstance(value, str) and any(word in name.upper() for word in SECRET_WORDS):
        return "********"
    if isinstance(value, str):
        return mask(value)
    return {key: censor(str(key), item) for key, item in value.items()} if isinstance(value, dict) else value
