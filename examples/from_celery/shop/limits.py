"""Limits: tasks that take too long."""

from __future__ import annotations

import time
from typing import Any

from kernelq.exceptions import SoftTimeLimitExceeded

from .audited import Audited
from .celery import app


@app.task(soft_time_limit=1, base=Audited)
def slow(catches: bool) -> str:
    """Sleeps beyond its soft limit, and may tidy up then."""
    try:
        time.sleep(20)
    except SoftTimeLimitExceeded:
        if catches:
            return "tidied up"
        raise
    return "slept"


@app.task(bind=True, base=Audited, time_limit=1)
def stuck(self: Any) -> None:
    """Sleeps beyond its hard limit."""
    time.sleep(20)


@app.task(bind=True)
def limits(self: Any) -> list[Any]:
    """The limits of this call, [hard, soft]."""
    return [self.request.timelimit, self.time_limit, self.soft_time_limit]
