"""Canvas: calls as values (`kernelq.signature`, `Task.s`), what is called after a task, and a task in another's place.

    add.s(2, 2).delay()                                # a signature: a call that can be kept, passed on, completed
    add.apply_async((2, 2), link=save.s())             # save(4), once add has returned
    add.apply_async((2, 2), link_error=alarm.s())      # alarm(id of the task that failed), once it has failed for good
    (add.s(2, 2) | mul.s(8)).delay()                   # a chain; `group`, `chord` and maps: several calls as one value

Install: part of ``pip install kernelq``. Setting: `task_allow_error_cb_on_chord_header`. A signature is a dict of plain data: it travels by every serializer,
and `kernelq.signature(dict)` makes it anew.

Guarantee: the callbacks of a task travel with its end. They are committed together with its result and its
acknowledgement where the engine can, else before them, under ids derived from the task's own: a task that runs twice after a
crash calls them once, as long as they wait or run. A task whose callbacks cannot be made fails.

An error callback whose function takes several arguments, is registered where the task ran and is not bound (``bind=True``,
or of a class), is called there as ``errback(request, exc, traceback)`` after the failure is stored; what it raises is
logged. Every other one is a task, called with the id of the task that failed. Neither is called for a retry, nor
for a task that was revoked or expired.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kernelq import Option, hookimpl

if TYPE_CHECKING:
    from kernelq import Context, KernelQ, Task
    from kernelq.contracts import Ending, Message


@hookimpl
def settings() -> Sequence[Option]:
    """Who calls error callbacks."""
    return (
        Option("task_allow_error_cb_on_chord_header", bool, False, "let members of a chord's header call the error callbacks of its body too", ("CELERY_ALLOW_ERROR_CB_ON_CHORD_HEADER",)),
    )  # fmt: skip


@hookimpl
def advance(app: KernelQ, ending: Ending) -> Sequence[Message] | None:
    """The callbacks of a task that returned, the error callbacks of one that failed, what takes the place of a replaced one."""
    # Every task comes by here, so the question whether there is anything to do is asked first, and of what is at hand.
    request = ending.request
    if request is not None and ending.state == "SUCCESS":
        callbacks = request.embed.get("callbacks")
        if callbacks is None:
            return None
        from .links import called_back

        return called_back(app, request, callbacks, ending.value)
    from .links import after_trouble

    return after_trouble(app, ending)


@hookimpl
def task_failure(app: KernelQ, task: Task[..., Any], request: Context, exception: BaseException) -> None:
    """Call the error callbacks that are called where the task failed."""
    from .links import call_errbacks

    call_errbacks(app, request, exception)
