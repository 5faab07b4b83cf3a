"""Expiry watch: a worker says so when most messages of a task expire before they can run.

A queue a little slower than its input, with ``expires`` on its messages, ends in nothing running at all: the oldest
message is always the next one, and always too old. Each of them ends as REVOKED and is logged; this plugin counts them,
and warns:

    task shop.sync: 19 of its last 20 messages expired before they could run; the last success was 7 min ago. Add
    workers, give them longer to begin (expires), or send fewer

Install: part of ``pip install kernelq``. Settings: `task_expiry_window`, `task_expiry_share`, `task_expiry_period`.

Guarantee: one warning a task, worker and period, whichever pool. It comes as soon as a process of the worker knows of `FEW`
messages, and the share of those that expired, among the last `task_expiry_window` of that process, is reached.
`kernelq.expired_counts(app)` gives the number of expired messages by task, exact, of the whole worker, in any of its
processes; the warning carries what it says as attributes of its log record too (`task_name`, `expired`, `looked_at`,
`last_success_age`).

Cost: nothing for a message that runs. What it does not do: know of other workers, or of successes before this one
started; in a worker with children, of successes of a child that has not yet met an expired message.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernelq import KernelQ, Option, hookimpl

FEW = 5
"""Messages of a task that must be known before it is warned of; fewer show no trend."""


@hookimpl
def settings() -> Sequence[Option]:
    """When to warn."""
    return (
        Option("task_expiry_window", int, 20, "messages of a task, the last ones, looked at for how many expired", (), FEW),
        Option("task_expiry_share", float, 0.5, "share of them, expired, from which a worker warns; above 1: never", (), 0),
        Option("task_expiry_period", float, 300.0, "seconds between two such warnings about one task", (), 0),
    )  # fmt: skip


@hookimpl
def worker_before_create_process(app: KernelQ) -> None:
    """Watch from before the first child on, so that all of them count together."""
    from .watch import begin

    begin(app)


@hookimpl
def worker_process_init(app: KernelQ) -> None:
    """Watch in a worker without children; what does not work need not pay for it."""
    from .watch import begin

    begin(app)
