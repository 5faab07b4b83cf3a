"""The clock of a server, kept between the moments it was asked.

Every transaction asks the server for its time, together with its beginning, so what is written in it
(leases above all) is right by the server's clock whatever this machine's says. In between, the monotonic
clock goes on from the last answer.
"""

from __future__ import annotations

import time

_GOOD_FOR = 30.0
"""Seconds an answer is good for: two quartz clocks part by some ms in that time."""

_LEAP = 0.5
"""Seconds the wall clock may move against the monotonic one before the answer is distrusted: after a
suspension of this machine the monotonic clock is behind, and the wall clock is not."""


class ServerClock:
    """The server's time, as known here. Thread-safe: what changes is one tuple."""

    def __init__(self) -> None:
        self._known: tuple[float, float, float] | None = None  # the server's, the monotonic and our wall clock

    def set(self, server_time: float) -> None:
        """Learn the server's time (epoch seconds) as of this moment."""
        self._known = (server_time, time.monotonic(), time.time())

    def now(self) -> float | None:
        """The server's time, epoch seconds; None when it must be asked."""
        known = self._known
        if known is None:
            return None
        server_time, monotonic, wall = known
        passed = time.monotonic() - monotonic
        if passed > _GOOD_FOR or abs(time.time() - wall - passed) > _LEAP:
            return None
        return server_time + passed

    def skew(self) -> float:
        """Seconds the server's clock was ahead of ours at its last answer; 0 before the first."""
        return 0.0 if self._known is None else self._known[0] - self._known[2]
