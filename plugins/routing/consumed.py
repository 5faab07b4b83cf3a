"""Which queues a worker consumes: what it was told (-Q, -X), or the app's."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelq.contracts import CapabilityMissing, ImproperlyConfigured

from .queue import Broadcast, Queue
from .queues import Queues, queues_of, worker_direct

if TYPE_CHECKING:
    from kernelq import KernelQ

log = logging.getLogger("kernelq.routing")


def consumed(app: KernelQ, hostname: str, only: Sequence[str], without: Sequence[str]) -> list[str]:
    """The names of the queues; each worker's own among them.

    Raises:
        QueueNotFound: a queue of `only` is not declared and may not be made.
        ImproperlyConfigured: a queue of `without` would not be consumed anyway.
        CapabilityMissing: one is a broadcast, on an engine without exchanges.
    """
    queues = queues_of(app)
    wanted = {str(each): each for each in map(queues.resolve, only)} if only else queues.consume_from
    for given in without:
        name = str(queues.find(given) or given)
        if name not in wanted:
            raise ImproperlyConfigured(f"no queue {given!r} to leave out (consumed: {', '.join(wanted)})")
    left_out = {str(queues.find(given) or given) for given in without}
    chosen = [_of_worker(app, queues, queue, hostname) for name, queue in wanted.items() if name not in left_out]
    if app.conf.worker_direct:
        chosen.append(str(queues.keep(worker_direct(hostname))))
    default = app.conf.task_default_queue
    if not only and not left_out and app.conf.task_queues and default not in queues:
        log.warning(
            "no worker takes tasks that name no queue: task_default_queue, %r, is not in task_queues (%s)",
            default,
            ", ".join(queues.declared),
        )
    return chosen


def _of_worker(app: KernelQ, queues: Queues, queue: Queue, hostname: str) -> str:
    if not isinstance(queue, Broadcast):
        return str(queue)
    if not app.broker.capabilities.exchanges:
        raise CapabilityMissing(
            f"the broadcast {str(queue)!r} in task_queues goes to every worker, and {type(app.broker).__name__} puts a message "
            "into one queue; use RabbitMQ (amqp://), or take it out"
        )
    return str(queues.keep(queue.of_worker(hostname)))
