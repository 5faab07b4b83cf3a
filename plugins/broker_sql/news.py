"""What waiting consumers are told at once, and what they find out by looking."""

from __future__ import annotations

from collections.abc import Iterable

from .statements import Row

CHANNEL = "kernelq_messages"

LOOK_EVERY = 1.0
"""Seconds a waiting consumer goes without a look of its own, whatever bells do not ring. What becomes
ready later than that is no news: every waiting consumer looks before."""


def is_news(published: Iterable[Row], now: float) -> bool:
    """Whether one of these rows is ready before all waiting consumers have looked."""
    soon = now + LOOK_EVERY
    for row in published:  # noqa: SIM110  (a generator costs half of what else there is to publishing one)
        if row[3] <= soon:
            return True
    return False
