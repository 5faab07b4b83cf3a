"""Tasks that are queued once, for a worker process and for its client: both define them by `define`."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from kernelq import Ignore, KernelQ, QueueOnce, Reject

PATIENCE = 30.0
"""Seconds a task waits for its gate."""


def define(app: KernelQ) -> Any:
    """The task ``once_tasks.work`` of an app."""

    @app.task(
        base=QueueOnce, bind=True, name="once_tasks.work", once={"keys": ["name"]}, max_retries=1, throws=(ValueError,)
    )
    def work(self: Any, name: str, how: str = "success", gate: str = "") -> int:
        if gate:
            _begun(gate)
            _wait_for(gate)
        if how == "failure":
            raise ValueError(how)
        if how == "ignored":
            raise Ignore
        if how == "rejected":
            raise Reject(how)
        if how == "retried":
            raise self.retry(countdown=0, exc=ValueError(how))
        if how == "killed":
            os.kill(os.getpid(), 9)
        if how == "endless":
            time.sleep(PATIENCE)
        return os.getpid()

    return work


def _begun(gate: str) -> None:
    with Path(f"{gate}.begun").open("a") as file:
        file.write(f"{os.getpid()}\n")


def _wait_for(gate: str) -> None:
    """Until the gate is there; or, of a task that runs a second time, not at all."""
    deadline = time.monotonic() + PATIENCE
    while not Path(gate).exists() and len(Path(f"{gate}.begun").read_text().splitlines()) < 2:
        assert time.monotonic() < deadline, "nobody opened the gate"
        time.sleep(0.01)


app = KernelQ("once_tasks")
define(app)
