"""Backoff: how long to wait before a task is tried again. Durations in seconds."""

from __future__ import annotations

import random
from collections.abc import Callable


def backoff(
    factor: int, retries: int, maximum: float, *, jitter: bool = True, pick: Callable[[int], int] | None = None
) -> int:
    """Seconds before retry number `retries` (from 0): ``min(maximum, factor * 2**retries)``.

    With `jitter` a whole number drawn evenly from 0 up to that, which keeps a crowd of failed tasks
    from coming back together. `pick(n)` draws from ``range(n)``; tests set it.

    Source: "full jitter", AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
    """
    # 2**64 seconds is past any maximum; the bound keeps the power from growing into a big integer.
    countdown = int(min(maximum, factor * 2 ** min(retries, 64)))
    if jitter:
        countdown = (pick or random.randrange)(countdown + 1)
    return max(0, countdown)
