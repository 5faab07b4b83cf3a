"""A scheduler inside a worker: ``kernelq worker -B``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from kernelq import Step
from kernelq.contracts import BROKER, POOL

from .service import EmbeddedThread

if TYPE_CHECKING:
    from kernelq import Worker

log = logging.getLogger("kernelq.beat")


class BeatStep(Step):
    """Schedule on a thread of the worker's main process. Any number of workers may: with a shared store one of them leads."""

    name = "Beat"
    requires = (BROKER, POOL)
    reconnects = True

    def include_if(self, parent: Worker) -> bool:
        return bool(parent.app.conf.worker_beat)

    def start(self, parent: Worker) -> EmbeddedThread:
        embedded = self.obj = EmbeddedThread(parent.app, talking=parent.keeper.talking)
        embedded.start()
        return embedded

    def stop(self, parent: Worker) -> None:
        if self.obj is not None:
            self.obj.stop()
            self.obj = None
