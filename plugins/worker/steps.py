"""The worker's own bootsteps; what they require gives their order."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from kernelq import Step
from kernelq.contracts import (
    BACKEND,
    BROKER,
    POOL,
    BrokerRefused,
    BrokerUnavailable,
    ImproperlyConfigured,
    Key,
    intervals,
    mask,
)

if TYPE_CHECKING:
    from kernelq.contracts import Backend, Broker

    from .keeper import Keeper
    from .pools import Pool
    from .worker import Worker

log = logging.getLogger("kernelq.worker")

TASKS: Key[None] = Key("tasks")
KEEPER: Key[Keeper] = Key("keeper")


class TasksStep(Step):
    """Import the modules that define tasks; an error in one keeps the worker from taking any message."""

    name = "Tasks"
    provides = TASKS

    def start(self, parent: Worker) -> None:
        parent.app.import_modules()
        parent.app.finalize()


class BrokerStep(Step):
    """Reach the broker: wait for it as long as it takes, and say so; one that refuses us is not waited for."""

    name = "Broker"
    provides = BROKER

    def start(self, parent: Worker) -> Broker:
        waits = intervals(0.2, 0.5, 5.0)
        while True:
            broker = parent.app.broker
            try:
                broker.renew([])
                self._examine(parent, broker)
                return broker
            except BrokerUnavailable as error:
                if parent.stopping or isinstance(error, BrokerRefused):
                    raise
                log.error("waiting for the broker %s: %s", mask(parent.app.broker_url), error)
                time.sleep(next(waits))

    def _examine(self, parent: Worker, broker: Broker) -> None:
        """Say what is unsafe about the broker's server; refuse to start on what loses messages."""
        for finding in broker.examine():
            text = f"broker {mask(parent.app.broker_url)}: {finding.what}; {finding.advice}"
            if finding.level == "refused":
                raise ImproperlyConfigured(text)
            if finding.level == "warning":
                log.warning(text)


class BackendStep(Step):
    """Make the result backend, so that a wrong URL is seen now; None when there is none."""

    name = "Backend"
    provides = BACKEND

    def start(self, parent: Worker) -> Backend | None:
        return parent.app.backend if parent.app.backend_url else None


class KeeperStep(Step):
    """Renew the leases of this worker's consumers."""

    name = "Keeper"
    requires = (BROKER,)
    provides = KEEPER
    reconnects = True

    def start(self, parent: Worker) -> Keeper:
        parent.keeper.start()
        return parent.keeper

    def stop(self, parent: Worker) -> None:
        parent.keeper.stop()


class PoolStep(Step):
    """Make the pool; the worker runs it once every step has started."""

    name = "Pool"
    requires = (TASKS, BROKER, BACKEND, KEEPER)
    provides = POOL
    reconnects = True

    def start(self, parent: Worker) -> Pool:
        parent.pool = parent.make_pool()
        return parent.pool


WORKER_STEPS: tuple[type[Step], ...] = (TasksStep, BrokerStep, BackendStep, KeeperStep, PoolStep)
