"""Waiting for what another process or server does and tells nobody: looked at again and again, up to a time.

What is told (an event, a result, a line of a pipe) is waited for where it is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds a test waits for what must come."""

LOOK_EVERY = 0.01
"""Seconds between two looks."""


def until(condition: Callable[[], T], what: str = "it to become so", *, patience: float = PATIENCE) -> T:
    """What `condition` gives as soon as that is true; `AssertionError` when it is not in time."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {patience:g} s in vain for {what}"
        time.sleep(LOOK_EVERY)
    return found
