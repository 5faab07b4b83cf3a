"""The pool ``threads``: one lane on the calling thread, its tasks on threads of their own."""

from __future__ import annotations

import logging
from functools import partial

from kernelq.pools import Pool, PoolHost, SlotLane, Stop

from .slots import SlotThreads

log = logging.getLogger("kernelq.worker")


class ThreadPool(Pool):
    """Runs up to `host.concurrency` tasks at once, each on a thread."""

    def __init__(self, host: PoolHost) -> None:
        super().__init__(host)
        self._how = Stop.NOT
        self._threads = SlotThreads(host.concurrency)
        self._consumer_id = host.new_consumer_id(0)
        self._lane = SlotLane(
            host.app,
            hostname=host.hostname,
            queues=host.queues,
            consumer_id=self._consumer_id,
            submit=self._threads.submit,
            slots=host.concurrency,
            on_ready=partial(host.is_ready, 0),
        )

    def run(self) -> None:
        """Run the lane here until stopped. After a quick stop, tasks may still be running when this returns."""
        host = self.host
        host.app.plugins.notify("worker_process_init", app=host.app, hostname=host.hostname)
        host.keep(self._consumer_id)
        self._threads.start()
        try:
            self._lane.run()
        finally:
            host.drop(self._consumer_id)
            self._threads.close()
            self._leave()

    def stop(self, how: Stop) -> None:
        """Ask the lane to end; see `Pool.stop`."""
        self._how = max(self._how, how)
        self._lane.stop(how)

    def _leave(self) -> None:
        if self._how is not Stop.QUICK:
            self._threads.join()
        elif still := self._threads.busy():
            log.warning(
                "%d tasks still run in threads and cannot be interrupted; "
                "their messages were given back, and their outcomes will be refused",
                still,
            )
