"""Queue once: the same work is queued once, and its lock ends with its task, however that ends.

    from kernelq import AlreadyQueued, QueueOnce

    @app.task(base=QueueOnce, once={"keys": ["site"]})
    def rebuild(site, requested_by): ...

    rebuild.delay(7, "me")                  # queued
    rebuild.delay(7, "you")                 # AlreadyQueued: task_id says which task holds the key, countdown for how long
    rebuild.delay(8, "me")                  # other work

Install: part of ``pip install kernelq``. `once` alone makes any task one of these; the base class is what users of celery-once
know, and what a type checker needs to see. Options in `once`:

    keys                 the arguments that make the key (default: all; []: one key for the task)
    policy               refuse (default): AlreadyQueued.  return_existing: the result of the task that holds the key.
                         replace: the new call counts, one that waits is dropped when it is fetched, with the reason ``superseded``.
                         debounce: so too, and it runs `period` seconds after the last call.
                         throttle: one call in `period` seconds, whatever becomes of it.
    keep="latest"        the same as policy replace
    period               seconds, for debounce and throttle
    graceful             a refused call gives an `EagerResult` in the state REJECTED in place of `AlreadyQueued`
    unlock_before_run    the key is free as soon as the task begins to run
    timeout              seconds after which a claim is looked at (default: ``default_timeout`` of `ONCE`, else an hour)

A call or a signature may say ``once={"graceful": …, "timeout": …}``. The key is celery-once's: ``qo_<task>_<argument>-<value>…``, sorted by name, the
same for positional and keyword arguments; arguments as a worker reads them, defaults left out. Longer than 200
characters, its end is a digest.

Settings: `once_store`, the URL of the store (default: what `ONCE` names, else the broker's engine, else the result backend's;
memory, SQL databases, Redis and ``file:///folder`` can); `ONCE`, celery-once's (Redis with url, File with location,
default_timeout, blocking, blocking_timeout). Commands: ``kernelq once list|release``.

Guarantee: a claim belongs to a task, by its id, and nobody else releases it. It ends in the same transition as the task, where the store is on the
broker's engine, else just before: success, failure, rejected, ignored, expired, revoked, timed out, crashed for good, dead-lettered; and
with a publish that fails. A retry keeps it, and so does a task that takes this one's place (`Task.replace`) unless that is a chain.
A killed worker's task runs again after the lease, and holds its key until it ends. A frozen worker's late end is refused, with its release.

No claim is taken away by a clock while its message is there: when `timeout` is over, whoever wants the key asks the broker whether
the queue of that message holds anything at all, waiting, delayed or running. If it does the claim goes on; if not, the message was
purged or lost, and the key is had. So nothing runs twice because it took long, and nothing stays locked. What time alone ends: a claim
whose publisher died before the message was accepted (15 seconds), one of a task that was acknowledged before it ran (renewed while it
runs, a lease at a time), a throttled call's (`period`), one made within the caller's own transaction (looked at after a minute), and with
RabbitMQ, which cannot be asked, every one (`timeout`, renewed while the task runs).

What a worker publishes itself, with the end of a task (later steps of chains, bodies of chords, what takes a task's place, callbacks), and
calls by name from where the task is not known, claim when they are about to run. Is the key held then, such a task
fails with `AlreadyQueued`: later steps, chords and error callbacks hear of that as of any failure, and ``autoretry_for=(AlreadyQueued,)``
has it wait. With `graceful` it ends as REVOKED, reason ``refused``, and with replace and debounce, reason ``superseded``, if the key is held by a newer
one; return_existing fails like refuse, for who follows waits for this very task. One with unlock_before_run claims nothing there.
Error callbacks that are called in place, as ``errback(request, exc, traceback)``, hold nothing.

Eager calls hold their key while they run, in memory unless a store is named. Calls of the function, and `apply`, hold nothing.

What it does not do: claim for a dead letter that is sent again, nor the own key of a task that takes over another's. A call whose acknowledgement was lost counts as failed and frees its key, though the broker may have it. With replace a
newer call may run beside an older one that runs already, and an older one that is fetched `timeout` seconds after the end of the newer one runs. A message purged from a queue that is never empty keeps its key until
``kernelq once release``. Members of a group or chord, and calls with callbacks, are refused (`AlreadyQueued`) also by return_existing: nobody
would call what waits for them. A call within the caller's own transaction (``session=``) on SQLite must be its first statement, or have its claims elsewhere
(`once_store`): a file has one writer. When one of several messages published together is refused, the others keep their keys for 15 seconds.

Parts: `queue_once` (the base class), `rule` and `key` (what `once` asks), `mark` (the header by which a message knows its claim), `gate` and `claiming` (publishing),
`ending` (releasing), `superseding`, `at_run` (claims of what workers publish), `running` (renewal), `signature`, `parts`, `store`,
`celery_form`, `contract` (what it asks of a store), `command`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kernelq import Option, hookimpl

if TYPE_CHECKING:
    import click
    from kernelq import KernelQ, Task
    from kernelq.contracts import Message


@hookimpl
def settings() -> Sequence[Option]:
    """Where claims are kept."""
    return (
        Option("once_store", str, None, "URL of the engine that keeps the claims of tasks that are queued once (default: the broker's, else the result backend's)"),
        Option("ONCE", dict, {}, "celery-once's settings: backend and settings (url or location, default_timeout, blocking)"),
    )  # fmt: skip


@hookimpl
def task_registered(app: KernelQ, task: Task[..., Any]) -> None:
    """Have the calls of a task that asks for it go through the gate."""
    if isinstance(getattr(task, "once", None), Mapping):
        from .gate import watch
        from .queue_once import adopt

        adopt(task)
        watch(app, task)


@hookimpl
def task_unknown(app: KernelQ, message: Message) -> None:
    """Release its claim too, should the task be given up here."""
    if "kernelq_once" in message.headers:
        from .ending import hear

        hear(app)


@hookimpl
def app_closing(app: KernelQ) -> None:
    """Close the stores of claims."""
    from .store import close_stores

    close_stores(app)


@hookimpl
def commands(name: str | None) -> Sequence[click.Command]:
    """Imported here: an app that publishes or a worker needs no command line."""
    if name not in (None, "once"):
        return ()
    from .command import once

    return (once,)
