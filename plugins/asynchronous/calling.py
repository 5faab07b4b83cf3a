"""Calls that are awaited: from a call to a message the broker has accepted, the publish itself on a thread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from kernelq.bulk import caller_of, policy_of, result_of

from .outbox import outbox_of

if TYPE_CHECKING:
    from kernelq import AsyncResult, KernelQ, Task


async def call(task: Task[..., Any], args: Any, kwargs: Any, options: dict[str, Any]) -> AsyncResult[Any]:
    """Publish a call of a task, or have it run in this process, on a thread, when a plugin says so."""
    call_here = caller_of(task.app)
    if call_here is not None:
        return await asyncio.to_thread(call_here, task, args, kwargs, options)
    return await send(task.app, task, task.name, args, kwargs, options)


async def send(
    app: KernelQ, task: Task[..., Any] | None, name: str, args: Any, kwargs: Any, options: dict[str, Any]
) -> AsyncResult[Any]:
    """Publish one call together with the others of this turn of the loop; see `Publisher.send`."""
    if options.get("session") is not None:
        return app.publisher.send(task, name, args, kwargs, options)  # the session is this thread's
    message = app.publisher.message(task, name, args, kwargs, options)
    holder = await outbox_of(app).put(message, policy_of(options))
    return result_of(app, message, holder, options)
