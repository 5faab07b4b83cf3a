"""Current: `kernelq.current_app`, `kernelq.current_task` and `kernelq.shared_task`, for users' code.

A shared task lands in every app, those made later too; the name stands for the current app's own copy of it, looked up
at each use. ``@app.task(shared=True)`` lands in every other app as well. The current app is this thread's, else the default
one (`app.set_default`), else the latest made; where there is none at all an app ``default`` is made.

That last step hides a forgotten import: with ``app`` among the words of the environment variable ``KERNELQ_TRACE`` it is an error.

Does not: serve the rest of the project; nothing else looks at a current app.
"""

from __future__ import annotations

from typing import Any

from kernelq import KernelQ, Task, hookimpl


@hookimpl
def app_finalized(app: KernelQ) -> None:
    """Give the app every shared task declared so far."""
    from .current import shared

    for declare in shared:
        declare(app)


@hookimpl
def task_registered(app: KernelQ, task: Task[..., Any]) -> None:
    """Share the task with every app if it was made with the option `shared`."""
    about = vars(type(task))
    if about.get("shared") is True and "__wrapped__" in about:
        from .current import share_with_others

        share_with_others(app, task)
