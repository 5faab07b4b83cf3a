"""OS signals whose handlers raise: in the middle of a loop their exceptions must find the coroutine.

A soft time limit and a quick stop raise from signal handlers, at whatever the main thread does. While an event loop waits, that
is the inside of asyncio: there the exception would leave the coroutine half run, or end another callback, or be logged and lost.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from .home import home_here

RAISING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1)
"""Those of which workers and pools have handlers."""


class Mindful:
    """A handler that passes what another one raises to the coroutine that runs; without one it is that handler."""

    def __init__(self, handler: Callable[[int, FrameType | None], Any]) -> None:
        self._handler = handler

    def __call__(self, number: int, frame: FrameType | None) -> None:
        try:
            self._handler(number, frame)
        except BaseException as error:
            home = home_here()
            if home is None or not home.interrupt(error):
                raise


def mind_signals() -> None:
    """Stand in for the handlers there are now. On the main thread; again does no harm."""
    for number in RAISING:
        handler = signal.getsignal(number)
        if callable(handler) and not isinstance(handler, Mindful):
            signal.signal(number, Mindful(handler))
