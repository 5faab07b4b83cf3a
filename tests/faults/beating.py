"""An app whose schedule is fast: entries of fractions of a second, each of whose runs is noted in a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kernelq import KernelQ

EVERY = {f"every {i}": 0.05 + i / 100 for i in range(4)}
"""Name → seconds."""


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
