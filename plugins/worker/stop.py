"""How hard to stop."""

from __future__ import annotations

import enum


class Stop(enum.IntEnum):
    """How hard to stop."""

    NOT = 0
    WARM = 1
    """Fetch nothing more, give unstarted messages back, let what runs finish."""
    QUICK = 2
    """Also give up what runs: its message goes back to the queue."""
