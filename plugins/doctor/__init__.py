"""Doctor: ``kernelq doctor``, which checks a broker and a result backend end to end and says what to do.

    $ kernelq doctor redis://localhost
    ok       address       localhost:6379 answers, 0.2 ms
    warning  settings      maxmemory-policy is allkeys-lru
                           → set it to noeviction, else Redis drops messages when its memory is full
    ok       delivery      published, fetched and acknowledged
    …

It checks, in this order and as far as the engine declares it can: the driver and its library, the names and addresses in
the URL, the server's settings (`Broker.examine`), what the engine can do, one message there and back, the order of
priorities, a message for later (which also shows how far the clocks are apart), a lease renewed, an outcome stored, read and
waited for, and how long each round trip takes, as the median of `ROUNDS`.

Install: part of ``pip install kernelq``. No settings; those of the app named by ``-A`` count, its connection timeout too.

Guarantee: it never touches queues that others use. It works on a queue of its own, ``kernelq-doctor-`` and an id, which is
emptied when it ends, whether or not it failed, and stores outcomes of its own, which it forgets. The exit code is 0 when
nothing failed, 1 when there was a warning and ``--strict`` was given, 2 when something failed. A server that does not
answer is given up on after ``broker_connection_timeout``.

What it does not do: look at workers, or load the server. A database it has not seen before gets KernelQ's tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelq import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def commands(name: str | None) -> Sequence[click.Command]:
    """Imported here: an app that publishes or a worker needs no command line."""
    if name not in (None, "doctor"):
        return ()
    from .command import doctor

    return (doctor,)
