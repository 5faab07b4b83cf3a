"""An app whose schedule is fast: entries of fractions of a second, each of whose runs is noted in a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kernelq import KernelQ

EVERY = {f"every {i}": 0.1 + i / 50 for i in range(4)}
"""Name → seconds. Of what was missed the latest thousand are sent: beats on a busy machine may be so many behind, not more."""


def beating(**settings: Any) -> KernelQ:
    """The app, with further settings."""
    app = KernelQ("beating", set_as_current=False)
    app.conf.update(settings)
    app.conf.beat_schedule = {
        name: {"task": "beating.note", "schedule": seconds, "catch_up": "all"} for name, seconds in EVERY.items()
    }

    @app.task(bind=True, name="beating.note")
    def note(self: Any) -> None:
        """Note that this occurrence ran: one line, written at once."""
        with Path(os.environ["BEATING_RUNS"]).open("a") as runs:
            runs.write(f"{self.request.id}\n")

    return app


app = beating()
