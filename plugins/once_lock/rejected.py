"""What a refused call gives with `graceful`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernelq import EagerResult, uuid

if TYPE_CHECKING:
    from kernelq import Task


class Rejected(EagerResult[Any]):
    """A result in the state REJECTED; no task is behind it, so its `id` is None, as celery-once's."""

    def __init__(self, task: Task[..., Any]) -> None:
        super().__init__(uuid(), None, "REJECTED", name=task.name, app=task.app)
        self.id = None  # type: ignore[assignment]  # every other result has one

    def __str__(self) -> str:
        return str(self.id)
