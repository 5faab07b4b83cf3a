"""A promise: what is to be called once something is ready, and when it was."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from typing import Any

log = logging.getLogger("kernelq.results")


class Promise:
    """Calls what was put on it by `then`, once, with the value it is called with; what comes later is called at once."""

    def __init__(
        self, callback: Callable[[Any], Any] | None = None, on_error: Callable[[Exception], Any] | None = None
    ) -> None:
        self._callback = callback
        self._on_error = on_error
        self._lock = Lock()
        self._following: list[Promise] = []
        self.ready = False
        self.value: Any = None
        """What it was called with; with a callback, what that returned."""

    def then(
        self, callback: Callable[[Any], Any] | Promise, on_error: Callable[[Exception], Any] | None = None
    ) -> Promise:
        """Call `callback` with the value when it is there; `on_error` with what the callback raises, else it is logged.

        Returns a promise of what the callback returns.
        """
        following = callback if isinstance(callback, Promise) else Promise(callback, on_error)
        with self._lock:
            is_waiting = not self.ready
            if is_waiting:
                self._following.append(following)
        if not is_waiting:
            following(self.value)
        return following

    def __call__(self, value: Any) -> None:
        """Say that it is ready; a second time means nothing."""
        with self._lock:
            if self.ready:
                return
            self.ready, self.value = True, value
        try:
            if self._callback is not None:
                self.value = self._callback(value)
        except Exception as error:  # whoever waits for the result must not fail by a callback of somebody else
            if self._on_error is None:
                log.exception("the callback %r of a result failed", self._callback)
            else:
                self._on_error(error)
            return
        with self._lock:
            following, self._following = self._following, []
        for each in following:
            each(self.value)
