"""Worker: ``kernelq worker`` and `kernelq.Worker`, which start the parts of a consuming process and stop them again.

The parts are bootsteps: the modules with tasks, the broker, the result backend, the keeper that renews leases, the
pool, and whatever steps plugins and the app add. The pool is run on the main thread.

Guarantee: nothing is fetched before every task module was imported without an error. A step that cannot start ends the
worker with its name and the reason, exit code 1. TERM or INT once lets what runs finish and gives the rest back.

The lane, one consume loop that runs tasks on its own thread, is here too, and the pool ``solo`` made of one lane.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelq import Option, hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def settings() -> Sequence[Option]:
    """How a worker consumes."""
    return (
        Option("worker_concurrency", int, None, "processes or threads that run tasks; default: the number of CPUs", ("CELERYD_CONCURRENCY",), 0),
        Option("worker_pool", str, "prefork", "prefork, threads, solo, asyncio, or a plugin's", ("CELERYD_POOL",)),
        Option("worker_lease", float, 15.0, "seconds after which a worker's silence gives its messages to others", ("visibility_timeout",), 0.1),
        Option("worker_batch", int, 200, "most messages a lane holds unsettled", (), 1),
        Option("worker_settle_delay", float, 0.01, "seconds an outcome may wait for company before it is stored and acknowledged", (), 0),
        Option("worker_long_task", float, 0.05, "seconds a task runs before the messages waiting behind it are given to other lanes", (), 0),
        Option("worker_shutdown_timeout", float, None, "seconds a warm stop waits for running tasks; default: as long as they take", (), 0),
    )  # fmt: skip


@hookimpl
def commands(name: str | None) -> Sequence[click.Command]:
    """Imported here: an app that only publishes needs no command line."""
    if name not in (None, "worker"):
        return ()
    from .command import worker

    return (worker,)
