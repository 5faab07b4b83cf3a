"""What settings need of the broker and the pool, looked up before anything is consumed."""

from __future__ import annotations

from kernelq import KernelQ
from kernelq.contracts import CapabilityMissing, mask

from .pools import Pool


def check_needs(app: KernelQ, pool_name: str, pool: Pool) -> None:
    """See that broker and pool can do what the settings ask for.

    Raises:
        CapabilityMissing: says which setting or task asks for what, and who cannot do it.
    """
    conf, broker, url = app.conf, app.broker.capabilities, mask(app.broker_url)
    if pool.processes and not broker.processes:
        raise CapabilityMissing(
            f"the pool {pool_name!r} runs tasks in processes of their own, and the broker {url} serves one process; "
            "use the pool solo or threads, or another broker"
        )
    if (conf.task_time_limit or conf.task_soft_time_limit) and not pool.limits:
        raise CapabilityMissing(f"the pool {pool_name!r} cannot keep time limits; use prefork, or unset them")
    for task in () if broker.priorities > 1 else app.tasks.values():
        if task.option("priority"):
            raise CapabilityMissing(
                f"{task.name} has priority {task.option('priority')}, and the broker {url} tells no priorities apart; "
                "unset it, or see the broker's page for the setting that brings priorities"
            )
