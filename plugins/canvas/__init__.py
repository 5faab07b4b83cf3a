"""Canvas: calls as values, and workflows made of them that always come to an end.

    add.s(2, 2).delay()                                # a signature: a call that can be kept, passed on, completed
    add.apply_async((2, 2), link=save.s())             # save(4), once add has returned
    add.apply_async((2, 2), link_error=alarm.s())      # alarm(id of the task that failed), once it has failed for good
    (add.s(2, 2) | mul.s(8)).delay()                   # a chain: mul(4, 8)
    group(resize.s(i) for i in images)()               # a group: side by side
    chord((count.s(f) for f in files), total.s())()    # a chord: total([…]) once all have returned

Install: part of ``pip install kernelq``. A signature is a dict of plain data: it travels by every serializer, and
`kernelq.signature(dict)` makes it anew.

Settings: `canvas_store`, the URL of the engine that counts the ends of tasks (default: the broker's engine, else the result
backend's; memory, SQL databases and Redis can); `canvas_deadline`, seconds after which a chord whose header has not ended
fails (default 30 days); `task_allow_error_cb_on_chord_header`. Without any store chains and groups work, and a chord
is refused when it is called.

Guarantee: what follows from the end of a task is committed together with its result and its acknowledgement where the
engine can, else before them, under ids derived from the task's own: a task that runs twice after a crash causes it once,
as long as that waits or runs. Members of a chord are counted by their places, not by number, so one that ends twice
counts once. A chord ends with exactly one call of its body or one round of its error callbacks: when a member
fails, is rejected, expires, is ignored or loses its process for good, the body fails with `ChordError`, and all that waits for
it gets a state, with the reason ``upstream``. A step lost between two servers is found and sent again within two minutes.

What travels is short: a message holds its own next steps, what is beyond 32 of them is kept in the store a page at a
time, and members of a group hold nothing of what follows it.

An error callback whose function takes several arguments, is registered where the task ran and is not bound (``bind=True``,
or of a class), is called there as ``errback(request, exc, traceback)`` after the failure is stored (that of a chord's
body: before, so that it is never left out; of another task it is when its process dies just then); what it raises is logged. Every other one is a task, called with the id of
the task that failed. Neither is called for a retry, nor for a task that was revoked or expired.

Parts: the values (`signature`, `chain`, `group`, `chord`, `maps`), what ``|`` makes of them (`composing`), the form they are
started in (`canonical`), their ids (`freezing`), running them here (`running_here`); then what happens: `starting` and
`launching` send, `following` is what the end of a task causes, `joins` and `fan_in` are where the ends of many meet,
`failing` what becomes of those that never run, `contract` what it asks of a store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelq import Option, hookimpl

if TYPE_CHECKING:
    from kernelq import Context, KernelQ, Task, Worker
    from kernelq.contracts import Effect, Ending, Message


@hookimpl
def settings() -> Sequence[Option]:
    """Where workflows are kept, how long they may take, and who calls error callbacks."""
    return (
        Option("canvas_store", str, None, "URL of the engine that keeps workflows (default: the broker's, else the result backend's)"),
        Option("canvas_deadline", float, 30 * 86400.0, "seconds after which a chord whose header has not ended fails", (), 0),
        Option("task_allow_error_cb_on_chord_header", bool, False, "let members of a chord's header call the error callbacks of its body too", ("CELERY_ALLOW_ERROR_CB_ON_CHORD_HEADER",)),
    )  # fmt: skip


@hookimpl
def app_finalized(app: KernelQ) -> None:
    """Add the tasks that canvases are made of."""
    from .builtin import register

    register(app)


@hookimpl
def app_closing(app: KernelQ) -> None:
    """Close the store of workflows."""
    from .store import close_store

    close_store(app)


@hookimpl
def worker_ready(worker: Worker) -> None:
    """Look after workflows whose next step was lost."""
    from .sweeping import EVERY, sweep

    worker.keeper.chore(EVERY, lambda: sweep(worker.app))


@hookimpl
def advance(app: KernelQ, ending: Ending) -> Sequence[Message | Effect] | None:
    """What follows from the end of a task: callbacks, the next step, its part in a chord, the end of what waited for it."""
    # Every task comes by here, so the question whether there is anything to do is asked first, and of what is at hand.
    request = ending.request
    if request is not None and ending.state == "SUCCESS":
        embed = request.embed
        if embed.get("callbacks") is None and embed.get("chain") is None and not ending.message.chord:
            return None
        from .following import after_success

        return after_success(app, ending)
    if ending.state == "RETRY":
        return None
    from .following import after_trouble

    return after_trouble(app, ending)


@hookimpl
def task_failure(app: KernelQ, task: Task[..., object], request: Context, exception: BaseException) -> None:
    """Call the error callbacks that are called where the task failed."""
    from .links import call_errbacks

    call_errbacks(app, request, exception)
