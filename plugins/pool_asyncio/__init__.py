"""Pool of coroutines: one lane that runs thousands of ``async def`` tasks at once, on one event loop.

    kernelq -A proj worker --pool asyncio
    kernelq -A proj worker --pool asyncio --concurrency 5000

Install: part of ``pip install kernelq``. For tasks that wait for others: HTTP, databases with an asynchronous client. A task
here costs some kilobytes and no thread. Tasks that compute hold the loop, and with it all others: they belong to ``prefork``.

Options:
    worker_concurrency          how many tasks run at once; default here: 1,000
    worker_asyncio_threads      how many threads run tasks that are no coroutines; default: CPUs + 4, at most 32
    task_soft_time_limit        seconds after which SoftTimeLimitExceeded is raised where the coroutine awaits
    task_time_limit             seconds after which it is cancelled and its failure stored (``timed_out``)

A function that is not a coroutine runs on a thread, as in the pool ``threads``. While all threads are busy the lane fetches
nothing more, since what comes may be a function too; give functions that take long a queue and a worker of their own.

Guarantees: the event loop waits neither for the broker nor for the result backend: fetching and settling is done in batches
on another thread. A warm stop lets running tasks finish. A quick stop cancels the coroutines and gives their messages
back uncharged; they have a second to clean up. Each task has context variables of its own; `self.request` is one.

Hooks and handlers: ``task_prerun``, ``call_task``, ``task_success`` and their like, and the handler `before_start`, run on the
loop and must not block it. What needs a round trip (``track_started``, ``acks_late=False``) or calls the task's other handlers
(`on_success`, …), hooks included, runs on a thread, in a copy of the task's context.

What it does not do: interrupt a coroutine that computes or calls blocking code, one that catches its cancellation and goes on,
or a function on a thread. At its hard limit the failure of a coroutine is stored whatever it does, once the loop
gets to it; a function has no limits here, and the worker says so. For limits that always hold, there is ``prefork``.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernelq import Option, hookimpl


@hookimpl
def settings() -> Sequence[Option]:
    """How many threads stand beside the loop."""
    return (
        Option("worker_asyncio_threads", int, None, "threads of the pool asyncio that run tasks which are no coroutines; default: CPUs + 4, at most 32", (), 1),
    )  # fmt: skip
