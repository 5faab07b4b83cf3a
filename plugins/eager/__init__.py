"""Eager: tasks run where they are called, in this process, for tests and debuggers.

    add.apply((2, 2)).get()                # this call
    app.conf.task_always_eager = True      # every `delay` and `apply_async` from here on

Install: part of ``pip install kernelq``. Settings: `task_always_eager`, `task_eager_propagates`, `task_store_eager_result`.

Honest: arguments, results and what a retry passes on go through their serializers, so what would not survive the way to a
worker does not survive here. Handlers, signals, `autoretry_for`, callbacks and error callbacks run as in a worker, one after the
other: retries at once, callbacks when the task has ended, all before the call returns. `request.is_eager` is
True, ``result.get()`` inside a task is refused as in a worker, and an ``async def`` task runs on an event loop of its own.

What it does not do: wait (countdown, eta and the delay of retries mean nothing), expire messages, keep time limits,
touch a broker, store anything (unless `task_store_eager_result`), or run what `app.send_task` sends: that goes to the broker
with the warning `kernelq.exceptions.AlwaysEagerIgnored`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelq import KernelQ, Option, hookimpl

if TYPE_CHECKING:
    from kernelq.contracts import Caller


@hookimpl
def settings() -> Sequence[Option]:
    """Whether calls run in place, and how."""
    return (
        Option("task_always_eager", bool, False, "run tasks where they are called, in place of sending them", ("CELERY_ALWAYS_EAGER",)),
        Option("task_eager_propagates", bool, False, "raise the exception of a task that ran eagerly to its caller", ("CELERY_EAGER_PROPAGATES_EXCEPTIONS",)),
        Option("task_store_eager_result", bool, False, "keep the results of eager tasks in the result backend too", ("CELERY_STORE_EAGER_RESULT",)),
    )  # fmt: skip


@hookimpl
def make_caller(app: KernelQ) -> Caller | None:
    """Run calls here while `task_always_eager` is on."""
    if not app.conf.task_always_eager:
        return None
    from .caller import begin

    return begin(app)
