"""A message as a worker received it: the `request` that receivers of `task_received` get."""

from __future__ import annotations

from kernelq import Context


class Received(Context):
    """The request of a run to come, with the further names that Celery's worker requests have."""

    @property
    def task_id(self) -> str:
        """The task id."""
        return str(self.id)

    @property
    def name(self) -> str:
        """The task's name."""
        return str(self.task)

    task_name = name
