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

from kernelq import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def commands() -> Sequence[click.Command]:
    """Imported here: an app that only publishes needs no command line."""
    from .command import worker

    return (worker,)
