"""What lanes do while a server is away, and how long they wait for messages."""

from __future__ import annotations

from typing import Final

from kernelq.contracts import BackendUnavailable, BrokerFull, BrokerUnavailable

FETCH_WAIT: Final = 5.0
"""Seconds one fetch waits; it ends earlier when a message comes or the lane is woken."""

WAITS: Final = (0.05, 0.25, 3.0)
"""The first wait before the broker is tried again, what each later one is longer by, and the longest; seconds."""

UNAVAILABLE: Final = (BrokerUnavailable, BrokerFull, BackendUnavailable)
"""Errors that are waited out."""
