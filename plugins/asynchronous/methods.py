"""What this plugin adds to the app and to tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from kernelq import AsyncResult

P = ParamSpec("P")
R = TypeVar("R")


class AppMethods:
    """Attributes of every app, found by the entry points ``KernelQ.<name>``."""

    async def asend_task(
        self: Any, name: str, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[Any]:
        """`send_task` without blocking the event loop."""
        from .calling import send

        return await send(self, self.tasks.get(name), name, args, kwargs, options)


class TaskMethods(Generic[P, R]):
    """Attributes of every task, found by the entry points ``Task.<name>``."""

    async def adelay(self: Any, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """`delay` without blocking the event loop."""
        from .calling import call

        return await call(self, args, kwargs, {})

    async def aapply_async(
        self: Any, args: Any = None, kwargs: Any = None, task_id: str | None = None, **options: Any
    ) -> AsyncResult[R]:
        """`apply_async` without blocking the event loop; returns once the broker has accepted, raises what that raises."""
        from .calling import call

        if task_id is not None:
            options["task_id"] = task_id
        return await call(self, args, kwargs, options)
