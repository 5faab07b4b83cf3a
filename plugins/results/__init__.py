"""Results: the caller's handle on a task (`kernelq.AsyncResult`), on many (`kernelq.GroupResult`), and waiting for them.

    result = add.delay(2, 2)
    result.get(timeout=10)                        # in a coroutine: await result.aget(timeout=10)
    result.then(lambda result: print(result.result))
    kernelq.ResultSet([add.delay(i, i) for i in range(100)]).join(timeout=10)

`delay` and `apply_async` return an `AsyncResult`; ``app.AsyncResult(id)`` makes one of an earlier call's id. Waiting is
the backend's own (`Backend.watch`), so it costs what the engine needs and no fixed polling, and a set of results is one
watch. Coroutines and `then` share one thread of the process. Modules: `kernelq.result`, `kernelq.states`, `kernelq.exceptions`.

Install: part of ``pip install kernelq``. Settings: those of `settings` below.

Guarantee: a SUCCESS that was seen does not change any more. An exception comes back as its own class where that is
imported already, else as a stand-in of the same name; nothing is imported for it, and nothing but an exception is made.
A result whose serializer is not accepted (`result_accept_content`) is not decoded.

Does not: keep anything itself; that is the result backend's part. Waiting inside a task is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from kernelq import KernelQ, Option, hookimpl


@hookimpl
def settings() -> Sequence[Option]:
    """How patient reading is, and what errors show."""
    return (
        Option("result_backend_always_retry", bool, False, "try again when the result backend is away", ("CELERY_RESULT_BACKEND_ALWAYS_RETRY",)),
        Option("result_backend_max_retries", float, None, "how often to try again; default without end", ("CELERY_RESULT_BACKEND_MAX_RETRIES",), 0),
        Option("result_backend_base_sleep_between_retries_ms", int, 10, "milliseconds before the first of these tries, then twice as long each time", ("CELERY_RESULT_BACKEND_BASE_SLEEP_BETWEEN_RETRIES_MS",), 1),
        Option("result_backend_max_sleep_between_retries_ms", int, 10_000, "most milliseconds between two of these tries", ("CELERY_RESULT_BACKEND_MAX_SLEEP_BETWEEN_RETRIES_MS",), 1),
        Option("task_remote_tracebacks", bool, False, "show the traceback of the worker as the cause of what get() raises", ("CELERY_REMOTE_TRACEBACKS",)),
    )  # fmt: skip


@hookimpl
def app_closing(app: KernelQ) -> None:
    """End what waits for results on its behalf, so that nothing opens a connection again."""
    module = sys.modules.get(f"{__name__}.waiter")  # not imported: nobody waited
    if module is not None:
        module.close_waiters(app)
