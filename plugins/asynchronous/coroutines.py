"""`kernelq.coroutines`: raising an exception inside a coroutine that waits.

asyncio can only cancel: what the coroutine sees is `CancelledError`. Time limits want `SoftTimeLimitExceeded` to come out of the
``await``, so that it can be caught there by its name.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


class Interruptible:
    """A coroutine into which `interrupt` raises. Used on the thread of its loop, run by ``await interruptible.run()``."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self._error: BaseException | None = None

    async def run(self) -> Any:
        """Run the coroutine to its end; called once, in a task of its own."""
        return await self._drive()

    def interrupt(self, task: asyncio.Task[Any], error: BaseException) -> None:
        """Raise `error` where the coroutine awaits; what it awaits is cancelled. `task` is the one that runs it."""
        self._error = error
        task.cancel()

    @types.coroutine
    def _drive(self) -> Generator[Any, None, Any]:
        # ``yield from`` written out (PEP 380), for the one line that exchanges the exception.
        error: BaseException | None = None
        coroutine = self._coroutine
        while True:
            try:
                waiting = coroutine.send(None) if error is None else coroutine.throw(error)
            except StopIteration as stop:
                return stop.value
            try:
                yield waiting
                error = None
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as raised:  # noqa: BLE001  (all of it belongs to the coroutine)
                error = raised
                if self._error is not None and isinstance(raised, asyncio.CancelledError):
                    error, self._error = self._error, None
