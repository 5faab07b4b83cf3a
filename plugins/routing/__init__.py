"""Routing: which queue a task goes to, and which queues a worker consumes.

    app.conf.task_routes = {"feeds.*": "feeds", "mail.send": {"queue": "mail", "priority": 9}}

Settings: `task_routes` (below), `task_queues` (a list of `kernelq.Queue`, or a mapping of names to their options),
`task_create_missing_queues`, `task_default_exchange`, `task_default_routing_key` and the others below; the default queue is the
kernel's `task_default_queue`.

What a call says of where it goes counts first, then the task's attributes, then the route, then the settings; a route fills gaps
only. The place is one thing: whichever of them first names a queue or an exchange decides it, and a routing key counts from there
on up, so that a route's exchange never takes a message away from the queue that its call names.

`task_routes` is a mapping of task names, globs (with ``*``) and compiled regular expressions to queues or options, in which an exact
name comes before patterns and these keep their order; a list of pairs of them; a function ``(name, args, kwargs, options, task=None)``
that answers with a queue, options or None; a class or an object with ``route_for_task(task, args, kwargs)``; the dotted name of any
of these; or a list of several, of which the first that answers counts. Setting it anew takes effect at the next call.

Queues: a queue nobody declared is made by itself, with a direct exchange of its name, unless `task_create_missing_queues` is off: then
naming it is `kernelq.routing.QueueNotFound`. A `Queue` may also be given as ``queue=`` of a call or of a task. kombu's own
queues are understood in `task_queues`.

Exchanges: RabbitMQ has them, and declares those of `task_queues` with their bindings and arguments. On the other engines an exchange
and a routing key are looked up in `task_queues` when a task is called (direct, topic, fanout); they must lead to one queue, and
leading to several is an error at the call that says so. An exchange named by a call while nothing else asks for routing
is for RabbitMQ only; others put the message into its queue.

Workers consume the queues of `task_queues`, or the default one. ``-Q`` names others, and only these; ``-X`` leaves some out. With
`worker_direct` each has a queue ``<its name>.dq2`` too. A `kernelq.Broadcast` is a queue of each worker's own: every worker runs every task
sent there. RabbitMQ only; a worker that is away for an hour hears nothing any more, and a broadcast that nobody
hears is no error.

``app.amqp.queues`` and ``app.select_queues`` are there for code that looks there; ``app.amqp.router.route`` tells where a call would go.

With none of these settings, and no `Queue` made, a call is not looked at at all.

Install: part of ``pip install kernelq``.

What it does not do: put one message into several queues (that is RabbitMQ's part); notice a change inside the value of `task_routes`;
route what `Task.retry` sends, which goes where the task ran, or to the queue that is named there by its name.

Parts: `queue`, `exchange` (what users write down), `declared` (task_queues), `queues` (all of an app), `matching` (bindings); `routes`
(task_routes), `router` (calls); `consumed` (workers); `amqp` (``app.amqp``).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelq import KernelQ, Option, Task, hookimpl
from kernelq.contracts import StashKey

if TYPE_CHECKING:
    from typing import Any

    from kernelq.contracts import Router

_TASKS_SAY: StashKey[bool] = StashKey()
"""Whether some task has attributes that only a router sends along."""


@hookimpl
def settings() -> Sequence[Option]:
    """Where tasks go, and what queues are like."""
    return (
        Option("task_routes", object, None, "where tasks go: task name, glob or regular expression → queue or options; or a router, or several", ("CELERY_ROUTES",)),
        Option("task_queues", object, None, "the queues: a list of Queue, or a mapping of names to options; default: the default queue", ("CELERY_QUEUES",)),
        Option("task_create_missing_queues", bool, True, "make queues that task_queues does not name", ("CELERY_CREATE_MISSING_QUEUES",)),
        Option("task_create_missing_queue_type", str, None, "amqp: quorum or classic, for these; default: task_default_queue_type", ("CELERY_CREATE_MISSING_QUEUE_TYPE",)),
        Option("task_create_missing_queue_exchange_type", str, None, "the type of their exchange; default direct", ("CELERY_CREATE_MISSING_QUEUE_EXCHANGE_TYPE",)),
        Option("task_default_exchange", str, None, "the exchange of queues that name none; default: named like the default queue", ("CELERY_DEFAULT_EXCHANGE",)),
        Option("task_default_exchange_type", str, "direct", "its type: direct, topic or fanout", ("CELERY_DEFAULT_EXCHANGE_TYPE",)),
        Option("task_default_routing_key", str, None, "the routing key of queues that have none; default: named like the default queue", ("CELERY_DEFAULT_ROUTING_KEY",)),
        Option("task_default_queue_type", str, None, "amqp: quorum or classic; default: quorum, or classic when there are priorities", ("CELERY_DEFAULT_QUEUE_TYPE",)),
        Option("task_default_delivery_mode", object, 2, "amqp: 2 (persistent), or 1 (transient): lost when the server restarts", ("CELERY_DEFAULT_DELIVERY_MODE",)),
        Option("task_queue_max_priority", int, None, "amqp: queues tell priorities apart, up to this one (10 for 0 to 9)", ("CELERY_QUEUE_MAX_PRIORITY",), 1),
        Option("task_inherit_parent_priority", bool, False, "a call made inside a task has that task's priority unless it is given one", ("CELERY_INHERIT_PARENT_PRIORITY",)),
        Option("worker_direct", bool, False, "each worker also has a queue of its own, <its name>.dq2", ("CELERY_WORKER_DIRECT",)),
    )  # fmt: skip


@hookimpl
def make_router(app: KernelQ) -> Router | None:
    """A router when something asks for one."""
    conf = app.conf
    asks = ("task_routes", "task_queues", "task_inherit_parent_priority", "task_create_missing_queue_exchange_type")
    is_plain = conf.task_create_missing_queues and conf.task_default_delivery_mode == 2
    if is_plain and not any(conf[name] for name in asks) and not app.stash.get(_TASKS_SAY, False) and not _made():
        return None
    from .router import Router

    return Router(app)


@hookimpl
def task_registered(app: KernelQ, task: Task[..., Any]) -> None:
    """Have a router made once a task has attributes of routing that the kernel does not send by itself."""
    is_plain = task.queue is None or type(task.queue) is str
    if not is_plain or any(said is not None for said in (task.exchange, task.routing_key, task.delivery_mode)):
        app.stash[_TASKS_SAY] = True
        app.publisher.forget()


@hookimpl
def consumed_queues(app: KernelQ, hostname: str, only: Sequence[str], without: Sequence[str]) -> Sequence[str]:
    """-Q, -X and task_queues; wrong routes are found now too."""
    is_untouched = f"{__name__}.queues" not in sys.modules  # nobody has asked for app.amqp
    if make_router(app) is None and is_untouched and not (only or without or app.conf.worker_direct):
        return (app.conf.task_default_queue,)
    from .consumed import consumed

    return consumed(app, hostname, only, without)


def _made() -> bool:
    module = sys.modules.get(f"{__name__}.made")  # not imported: nothing was made
    return module is not None and module.anything_made()
