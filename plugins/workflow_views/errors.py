"""What can be wrong with a workflow that somebody asks for."""

from __future__ import annotations

from kernelq import KernelQError


class UnknownWorkflow(KernelQError, LookupError):
    """No workflow is known under an id."""

    def __init__(self, id: str) -> None:
        super().__init__(
            f"no workflow is known of the id {id!r}: it was a single task, is not kept any more, or there is no workflow store"
        )
        self.id = id

    def __reduce__(self) -> tuple[type[UnknownWorkflow], tuple[str]]:
        return type(self), (self.id,)


class WorkflowNotFinished(KernelQError):
    """Some task of the workflow has not ended."""


class MessageNotKept(KernelQError):
    """A task that failed cannot be run again."""
