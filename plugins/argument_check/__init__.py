"""Argument check: a call whose arguments do not fit the task's function is a `TypeError` at the call, not in the worker.

Install: part of ``pip install kernelq``. Off for a task by ``typing=False``, for an app by ``strict_typing=False``.
What a function takes counts, not its annotations. A task called by name that is not known here cannot be checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernelq import KernelQ, hookimpl

if TYPE_CHECKING:
    from kernelq import Task


@hookimpl(tryfirst=True)  # others put more around it
def task_registered(app: KernelQ, task: Task[..., Any]) -> None:
    """Have the arguments of its calls checked."""
    if app.strict_typing if task.typing is None else task.typing:
        from .head import head_of

        task.check = head_of(task.run)
