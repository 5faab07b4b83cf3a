"""The threads that run tasks: each takes the next callable, until they are closed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

log = logging.getLogger("kernelq.worker")


class SlotThreads:
    """`count` threads named ``slot-0``, ``slot-1``, …"""

    def __init__(self, count: int) -> None:
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._inside: set[int] = set()  # idents of threads inside work; each adds and removes its own
        # Not daemons: those are cut off in the middle of a task when the interpreter ends.
        self._threads = [threading.Thread(target=self._run, name=f"slot-{i}", daemon=False) for i in range(count)]

    def start(self) -> None:
        """Start every thread."""
        for thread in self._threads:
            thread.start()

    def submit(self, work: Callable[[], None]) -> None:
        """Have one of the threads call `work`. From any thread."""
        self._waiting.put(work)

    def close(self) -> None:
        """Let each thread end after what was submitted before. Does not wait."""
        for _ in self._threads:
            self._waiting.put(None)

    def join(self) -> None:
        """Wait until every thread has ended."""
        for thread in self._threads:
            thread.join()

    def busy(self) -> int:
        """How many threads are inside work now."""
        return len(self._inside)

    def _run(self) -> None:
        ident = threading.get_ident()
        while (work := self._waiting.get()) is not None:
            self._inside.add(ident)
            try:
                work()
            except BaseException:  # a slot outlives whatever runs in it
                log.exception("work of a lane failed in thread %s", threading.current_thread().name)
            self._inside.discard(ident)
            del work  # an idle thread keeps no task's arguments alive
