"""Asynchronous: ``async def`` tasks in every pool, and calls that an event loop can await.

    @app.task
    async def fetch(url: str) -> int:
        async with client.stream("GET", url) as answer:
            return answer.status_code

    result = await fetch.adelay("https://example.org")
    result = await app.asend_task("proj.fetch", ["https://example.org"], countdown=5)

Install: part of ``pip install kernelq``. Options: none.

**Running.** In the pools ``solo``, ``threads`` and ``prefork`` a coroutine runs on an event loop of the thread that runs the
task, kept from task to task and closed with its thread; a forked process makes its own. Each of these runs one task at a time
on a thread; for thousands at once on one loop there is the pool ``asyncio``. `self.request`, `current_task` and other context
variables work inside as in a function.

Guarantees of a run:
    SoftTimeLimitExceeded is raised where the coroutine awaits, or where it computes, and may be caught there.
    A quick stop cancels the coroutine; it has a second to clean up, and its message goes back.
    `asyncio` tasks that the coroutine left behind are cancelled, so that none runs into the next task.
    When a loop runs on the thread already (a task called eagerly by another), the coroutine gets a thread of its own.

**Calling.** `adelay`, `aapply_async` and `asend_task` take what `delay`, `apply_async` and `send_task` take and raise what they
raise. The calls of one turn of the loop go out as one publish on a thread, so that a thousand of them cost one round trip and
the loop is never blocked. A broker that is away is told to each of them. They return once the broker has accepted.

What it does not do: make `session=` asynchronous; a call within a transaction of your own is published in place, with
that session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelq import KernelQ, hookimpl

if TYPE_CHECKING:
    from kernelq.contracts import Runner


@hookimpl(trylast=True)
def make_runner(app: KernelQ) -> Runner:
    """Imported here: most apps have no coroutines, and asyncio costs 30 ms to import."""
    from .runner import ThreadRunner

    return ThreadRunner()
