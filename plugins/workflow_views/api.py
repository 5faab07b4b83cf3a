"""`kernelq.workflow_views`: workflows as they stand, for whoever draws, counts or repairs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .drawing import Drawing, draw
from .errors import MessageNotKept, UnknownWorkflow, WorkflowNotFinished
from .plan import Chain, Chord, Group, Node, Plan, Task, read_plan
from .retrying import retry_failed
from .workflow import Standing, Workflow, find, find_own

if TYPE_CHECKING:
    from kernelq import KernelQ

__all__ = [
    "Chain", "Chord", "Drawing", "Group", "MessageNotKept", "Node", "Plan", "Standing", "Task", "UnknownWorkflow", "Workflow",
    "WorkflowNotFinished", "count", "draw", "find", "read_plan", "retry_failed",
]  # fmt: skip


def count(app: KernelQ, id: str) -> tuple[int, int] | None:
    """(tasks that have succeeded, tasks in all) of the workflow that has this id in it; None when none is known."""
    workflow = find_own(app, id)
    return None if workflow is None else (workflow.completed, workflow.total)
