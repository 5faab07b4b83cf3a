"""Current: `kernelq.current_app`, `kernelq.current_task` and `kernelq.shared_task`, for users' code.

A shared task lands in every app, those made later too; the name stands for the current app's own copy of it.

Does not: serve the rest of the project; nothing else looks at a current app.
"""

from __future__ import annotations

from kernelq import KernelQ, hookimpl


@hookimpl
def app_finalized(app: KernelQ) -> None:
    """Give the app every shared task declared so far."""
    from .current import shared

    for declare in shared:
        declare(app)
