"""The canvas's own tasks, which every app has; under Celery's names too, so that its clients and workers may call them."""

from __future__ import annotations

from typing import Any

from kernelq import Context, KernelQ
from kernelq.contracts import BackendUnavailable

from .names import ACCUMULATE, FAN_IN

AGAIN_AFTER = 5.0
"""Seconds until a join is looked at again whose store was away."""


def register(app: KernelQ) -> None:
    """Add them to an app."""
    options: dict[str, Any] = {"is_builtin": True, "acks_late": True, "typing": False}

    @app.task(name=FAN_IN, bind=True, ignore_result=True, **options)
    def chord(self: Any, join: str) -> None:
        """Call the body of a chord whose members have ended."""
        from .fan_in import fan_in  # here and below: a client registers these tasks, and never runs them

        request: Context = self.request
        assert request.message is not None
        try:
            fan_in(app, join, request.message)
        except BackendUnavailable as error:
            raise self.retry(exc=error, countdown=AGAIN_AFTER, max_retries=None) from error

    for name in (ACCUMULATE, "celery.accumulate"):

        @app.task(name=name, **options)
        def accumulate(*args: Any, index: int | None = None) -> Any:
            """Return the arguments, or the one at `index`."""
            return list(args) if index is None else args[index]

    for prefix in ("kernelq", "celery"):

        @app.task(name=f"{prefix}.map", **options)
        def xmap(task: Any, it: Any) -> list[Any]:
            """Run a task for each item, one after the other."""
            from .maps import run_map

            return run_map(app, task, it)

        @app.task(name=f"{prefix}.starmap", **options)
        def xstarmap(task: Any, it: Any) -> list[Any]:
            """Run a task for each item, which holds its arguments, one after the other."""
            from .maps import run_starmap

            return run_starmap(app, task, it)
