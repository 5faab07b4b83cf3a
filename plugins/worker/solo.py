"""The solo pool: one lane on the worker's main thread. No processes, no threads for tasks, no time limits."""

from __future__ import annotations

from .lane import SoloLane
from .pools import Pool, PoolHost, Stop


class SoloPool(Pool):
    """Runs one task at a time, where the worker was started."""

    def __init__(self, host: PoolHost) -> None:
        super().__init__(host)
        self._lane = host.lane()

    def run(self) -> None:
        """Run the lane here."""
        self.host.app.plugins.notify("worker_process_init", app=self.host.app, hostname=self.host.hostname)
        self._lane.run()

    def stop(self, how: Stop) -> None:
        """Ask the lane to end."""
        self._lane.stop(how)

    def abandon(self) -> None:
        """Break out of the running task."""
        if isinstance(self._lane, SoloLane):
            self._lane.abandon()
