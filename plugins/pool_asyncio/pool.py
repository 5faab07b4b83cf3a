"""The pool ``asyncio``: one lane on the calling thread, its tasks on an event loop."""

from __future__ import annotations

import logging
import os
from functools import partial

from kernelq.pools import Pool, PoolHost, Stop

from .event_loop import EventLoop
from .lane import GRACE, AsyncioLane

log = logging.getLogger("kernelq.worker")


class AsyncioPool(Pool):
    """Runs up to `host.concurrency` tasks at once, coroutines on one event loop."""

    limits = True
    default_concurrency = 1000

    def __init__(self, host: PoolHost) -> None:
        super().__init__(host)
        self._how = Stop.NOT
        self._events = EventLoop()
        self._consumer_id = host.new_consumer_id(0)
        self._lane = AsyncioLane(
            host.app,
            hostname=host.hostname,
            queues=host.queues,
            consumer_id=self._consumer_id,
            events=self._events,
            slots=host.concurrency,
            threads=host.app.conf.worker_asyncio_threads or min(32, (os.cpu_count() or 1) + 4),
            on_ready=partial(host.is_ready, 0),
        )

    def run(self) -> None:
        """Run the lane here until stopped. After a quick stop, functions may still be running when this returns."""
        host = self.host
        host.app.plugins.notify("worker_process_init", app=host.app, hostname=host.hostname)
        host.keep(self._consumer_id)
        self._events.start()
        try:
            self._lane.run()
        finally:
            host.drop(self._consumer_id)
            self._lane.close()
            has_ended = self._events.close(GRACE if self._how is Stop.QUICK else 10 * GRACE)
            self._report(has_ended)

    def stop(self, how: Stop) -> None:
        """Ask the lane to end; see `Pool.stop`."""
        self._how = max(self._how, how)
        self._lane.stop(how)

    def _report(self, has_ended: bool) -> None:
        coroutines, functions = self._lane.busy()
        if not has_ended or functions:
            log.warning(
                "%d coroutines and %d functions still run and cannot be interrupted; "
                "their messages were given back, and their outcomes will be refused",
                coroutines,
                functions,
            )
