"""A receiver that is called again until it returns; what ``connect(retry=True)`` makes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import count
from time import sleep
from typing import Any

STEP = 2.0
LONGEST = 30.0
"""Seconds: the wait grows by `STEP` with every failure, up to `LONGEST`, as Celery's does."""

log = logging.getLogger("kernelq.signals")


class Retried:
    """Calls `fn` until it returns, on the thread that sends the signal."""

    def __init__(self, fn: Callable[..., Any], signal: str) -> None:
        self.fn = fn
        self._signal = signal
        self.__module__ = getattr(fn, "__module__", __name__)
        self.__qualname__ = getattr(fn, "__qualname__", repr(fn))

    def __call__(self, **named: Any) -> Any:
        for failures in count(1):
            try:
                return self.fn(**named)
            except Exception:  # whatever it is: to be called again is what `retry=True` asks for
                wait = min(failures * STEP, LONGEST)
                log.exception(
                    "receiver %s.%s of the signal %s failed, trying again in %g s",
                    self.__module__,
                    self.__qualname__,
                    self._signal,
                    wait,
                )
                sleep(wait)
        raise AssertionError("count ended")  # pragma: no cover  (it never does; type checkers cannot know)
