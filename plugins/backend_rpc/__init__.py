"""Result backend over AMQP: each outcome is sent, once, to the process that asked for the task.

    app = KernelQ(broker="amqp://localhost//", backend="rpc://")

Install: ``pip install 'kernelq[amqp]'``. URL: ``rpc://`` sends over the broker's server, which must be an AMQP one;
``rpc://user:password@host:port/vhost`` over another one.

Settings:

    result_expires       seconds an outcome that has arrived is kept in memory; default a day
    result_persistent    results survive a restart of the server on their way; default off, as with Celery

A process that publishes has one reply queue, made before its first message is sent, and one connection that reads it for
all results it waits for: nothing polls. Outcomes travel in the form of Celery's rpc backend (default exchange, routing key
the message's ``reply_to``, ``correlation_id`` the task's id, a JSON object), so a Celery client can wait for a task of
a KernelQ worker and the other way round.

Guarantee: an outcome of a task that this process published arrives while the process lives, also when its connection was lost
meanwhile, for up to ten minutes. A state that comes twice counts once; an older attempt's never replaces a newer one's.

What it does not do: let any other process read a result, not even the same program started again or a child it forks; keep a result
that nobody asked for by ``reply_to``; survive the end of the process; count the members of a chord. A process
that never looks at its results keeps them up to `result_expires`: set `ignore_result` where nobody looks.

Parts: `backend`, `home` (what a process has: `mailbox`, the reply queue, and `shelf`, what has arrived), `watch`, `letter` (the
form of a reply).
"""

from __future__ import annotations

from collections.abc import Sequence

from kernelq import Option, hookimpl


@hookimpl
def settings() -> Sequence[Option]:
    """How results travel."""
    return (Option("result_persistent", bool, False, "rpc: results survive a restart of the server on their way", ("CELERY_RESULT_PERSISTENT",)),)  # fmt: skip
