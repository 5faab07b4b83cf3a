"""Parts of this plugin that are plugins of their own, registered when first needed: who needs none of them pays nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from kernelq import KernelQ
from kernelq.contracts import StashKey

T = TypeVar("T")

_PARTS: StashKey[dict[str, Any]] = StashKey()
_registering = threading.Lock()


def part_of(app: KernelQ, name: str, make: Callable[[], T]) -> T:
    """The app's part of this name, made and registered on first use. From any thread."""
    with _registering:
        parts = app.stash.setdefault(_PARTS, {})
        if name not in parts:
            parts[name] = part = make()
            app.register_plugin(part, f"once_lock:{name}")
    made: T = parts[name]
    return made
