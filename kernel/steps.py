"""The kernel's own bootsteps, in the order their needs give them."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from .bootsteps import BACKEND, BROKER, POOL, Key, Step
from .errors import BrokerUnavailable
from .retry import intervals
from .urls import mask

if TYPE_CHECKING:
    from .broker import Broker
    from .keeper import Keeper as KeeperThread
    from .pool import Pool as PoolDriver
    from .store import Backend as BackendDriver
    from .worker import Worker

log = logging.getLogger("kernelq.worker")

TASKS: Key[None] = Key("tasks")
KEEPER: Key[KeeperThread] = Key("keeper")


class Modules(Step):
    """Import the modules that define tasks, and bind them."""

    label = "imports"
    provides = TASKS

    def start(self, parent: Worker) -> None:
        """Import everything; an error in a module keeps the worker from taking any message."""
        parent.app.import_modules()
        parent.app.finalize()


class Broker_(Step):
    """Reach the broker."""

    name = "Broker"
    provides = BROKER

    def start(self, parent: Worker) -> Broker:
        """Wait for the broker, saying so; for ever, until the worker is stopped."""
        waits = intervals(0.2, 0.5, 5.0)
        while True:
            broker = parent.app.broker
            try:
                broker.renew([])
                return broker
            except BrokerUnavailable as error:
                if parent._stopping:
                    raise
                wait = next(waits)
                log.error("waiting for the broker %s: %s", mask(parent.app.conf.broker_url or ""), error)
                time.sleep(wait)


class Backend(Step):
    """Open the result backend, if there is one."""

    requires = (TASKS,)
    provides = BACKEND

    def start(self, parent: Worker) -> BackendDriver | None:
        """Make the driver, so that a wrong URL is seen now."""
        return parent.app.backend if parent.app.backend_url else None


class Keeper(Step):
    """Renew the leases of this worker's consumers."""

    requires = (BROKER,)
    provides = KEEPER
    reconnects = True

    def start(self, parent: Worker) -> KeeperThread:
        """Start the thread."""
        parent.keeper.start()
        return parent.keeper

    def stop(self, parent: Worker) -> None:
        """End the thread; the pool has given everything back by now."""
        parent.keeper.stop()


class Pool(Step):
    """Make the pool; the worker runs it."""

    requires = (TASKS, BROKER, BACKEND, KEEPER)
    provides = POOL
    reconnects = True

    def start(self, parent: Worker) -> PoolDriver:
        """Make it."""
        parent.pool = parent.make_pool()
        return parent.pool


KERNEL_STEPS: tuple[type[Step], ...] = (Modules, Broker_, Backend, Keeper, Pool)
