"""Control: `app.control`, to take back what was called.

    result = resize.apply_async((7,), countdown=3600)
    result.revoke()                               # the same: app.control.revoke(result.id)
    result.get()                                  # TaskRevokedError: revoked

    $ kernelq -A proj control revoke 0192f4c1-…

Revoking marks the task's id in the broker, beside its messages (`Broker.revoke`): durable as they are, seen by workers that
start later, by a retry, and by a message that is published only then, such as the next step of a chain. A worker that is
handed a marked message ends it unrun: state REVOKED with the reason ``revoked``, the signal `task_revoked`, and all that
follows from an end, so that its chord fails at once, later steps get their states, and its once key is free. What waits for
an eta ends now, not then. The state of what waits is REVOKED as soon as `revoke` returns, with or without workers. What
`retry_failed` runs again is marked no more.

Install: part of ``pip install kernelq``. Settings: `revoke_expires`.

Guarantee: a message handed out after `revoke` has returned is not run, on engines that keep marks (Redis, SQL, memory);
RabbitMQ keeps none and refuses.

What it does not do: end what a worker holds already. That runs to its end, and its outcome counts; only a retry of it is
revoked. ``terminate=True`` and revoking by stamps are refused. A retry that waits for its time on Redis ends when that has come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelq import Option, hookimpl

if TYPE_CHECKING:
    import click

DAY = 86_400.0


@hookimpl
def settings() -> Sequence[Option]:
    """How long marks are kept."""
    return (Option("revoke_expires", float, 7 * DAY, "seconds the id of a revoked task stays marked", (), 0),)


@hookimpl
def commands(name: str | None) -> Sequence[click.Command]:
    """Imported here: an app that publishes or a worker needs no command line."""
    if name not in (None, "control"):
        return ()
    from .command import control

    return (control,)
