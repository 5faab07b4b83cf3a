"""Imports: progress, and runs that end in neither success nor failure."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from kernelq.exceptions import Ignore, Reject

from .audited import Audited
from .celery import app

PATIENCE = 20.0
"""Seconds."""


@app.task(bind=True, base=Audited, track_started=True)
def load(self: Any, rows: int, folder: str) -> int:
    """Tells how far it is, and goes on when whoever follows has put a file beside it."""
    wait_for(Path(folder, "begin"))
    for row in range(rows):
        self.update_state(state="PROGRESS", meta={"row": row, "of": rows})
        wait_for(Path(folder, str(row)))
    self.update_state(state="CHECKING")
    wait_for(Path(folder, "checked"))
    return rows


@app.task(bind=True, base=Audited)
def skip(self: Any, why: str | None = None) -> None:
    """Ends without a state, or with one it wrote itself."""
    if why is not None:
        self.update_state(state="SKIPPED", meta={"why": why})
    raise Ignore


@app.task(bind=True, base=Audited, acks_late=True)
def refuse(self: Any, again: bool = False) -> str:
    """Rejects its message: for good, or until it is delivered again."""
    if self.request.delivery_info.get("redelivered"):
        return "redelivered"
    raise Reject("not for us", requeue=again)


@app.task(ignore_result=True, base=Audited)
def forget(x: int) -> int:
    return x


def wait_for(path: Path) -> None:
    """Returns when the file is there."""
    end = time.monotonic() + PATIENCE
    while not path.exists():
        if time.monotonic() > end:
            raise TimeoutError(str(path))
        time.sleep(0.01)
