"""The pool ``threads``: one lane on the calling thread, its tasks on threads of their own."""

from __future__ import annotations

import logging

from kernelq.contracts import Pool, PoolHost, Stop

from .slots import SlotThreads

log = logging.getLogger("kernelq.worker")


class ThreadPool(Pool):
    """Runs up to `host.concurrency` tasks at once, each on a thread."""

    def __init__(self, host: PoolHost) -> None:
        super().__init__(host)
        self._how = Stop.NOT
        self._threads = SlotThreads(host.concurrency)
        self._lane = host.lane(submit=self._threads.submit, slots=host.concurrency)

    def run(self) -> None:
        """Run the lane here until stopped. After a quick stop, tasks may still be running when this returns."""
        host = self.host
        host.app.plugins.notify("worker_process_init", app=host.app, hostname=host.hostname)
        self._threads.start()
        try:
            self._lane.run()
        finally:
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
                "%d threads are still inside their tasks and cannot be interrupted; "
                "their messages were given back, and their outcomes will be refused",
                still,
            )
