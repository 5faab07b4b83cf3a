"""What callers and workers are told of keys that others hold."""

from __future__ import annotations

from kernelq import Ignore, KernelQError


class AlreadyQueued(KernelQError):
    """The same work is queued already, or runs: `task_id` is the task that holds its `key`.

    `countdown`: seconds until the claim's time is up, as celery-once had it; the task may well end before, and while its
    message is there, the claim goes on.
    """

    def __init__(self, countdown: float = 0.0, task_id: str | None = None, key: str | None = None) -> None:
        self.countdown = countdown
        self.message = f"Expires in {countdown} seconds"
        self.task_id = task_id
        self.key = key
        super().__init__(countdown, task_id, key)  # of which a result makes it again

    def __str__(self) -> str:
        return self.message if self.task_id is None else f"{self.key} is held by task {self.task_id}. {self.message}"


class Dropped(Ignore):
    """Ends a run before it begins, as REVOKED with this reason."""

    reason = ""


class Superseded(Dropped):
    """A newer call of the same work is queued."""

    reason = "superseded"


class Refused(Dropped):
    """The same work is queued or runs, and its task is `graceful`."""

    reason = "refused"
