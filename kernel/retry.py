"""Backoff: how long to wait before trying again, as pure functions. All durations in seconds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator


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


def intervals(start: float, step: float, maximum: float) -> Iterator[float]:
    """The waits between tries of a publish or a connection: linear growth, bounded, with ±20 % jitter.

    Endless; the caller bounds the tries. The names are those of a Celery `retry_policy`.
    """
    wait = start
    while True:
        yield min(wait, maximum) * random.uniform(0.8, 1.2)
        wait = min(wait + step, maximum)
