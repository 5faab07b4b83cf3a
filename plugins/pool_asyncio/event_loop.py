"""The event loop of the pool, on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVarTuple

Ts = TypeVarTuple("Ts")


class EventLoop:
    """Runs from `start` to `close`. Made by asyncio, so that an event loop policy counts."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None  # made by `start`: a pool that never runs leaves none open
        self._ending = asyncio.Event()
        # A daemon: a coroutine that does not let itself be cancelled must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="event-loop", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._loop = asyncio.new_event_loop()
        self._thread.start()

    def call(self, callback: Callable[[*Ts], Any], *args: *Ts) -> bool:
        """Have the loop call this soon; False when it has ended. From any thread, after `start`."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            return False
        return True

    def close(self, timeout: float) -> bool:
        """Cancel what runs and end the thread; False when it has not ended after `timeout` seconds."""
        self.call(self._ending.set)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        loop = self._loop
        assert loop is not None
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._live())

    async def _live(self) -> None:
        await self._ending.wait()
