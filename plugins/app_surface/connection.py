"""A connection to the broker, as health checks use one: open it, or say why it cannot be opened."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, Self

from kernelq import KernelQ
from kernelq.contracts import BrokerRefused, BrokerUnavailable, intervals, mask

if TYPE_CHECKING:
    from kernelq.contracts import Broker

Errback = Callable[[BaseException, float], Any]
"""(the error, seconds until the next try)."""


class Connection:
    """Reaches the broker of an app, or the one behind `url`, when it is told to; `with` closes it at the end.

    The app's own broker is used and stays open for the app; one of another `url` or `connect_timeout` (seconds) is opened
    apart and closed with this object.
    """

    def __init__(self, app: KernelQ, url: str | None = None, *, connect_timeout: float | None = None) -> None:
        self._app = app
        self._given = (url, connect_timeout)
        self._url = url or app.broker_url
        self._own: KernelQ | None = None
        self.connected = False
        """Whether the broker answered, and `release` was not called since."""

    def connect(self) -> Self:
        """Reach the broker now.

        Raises:
            BrokerUnavailable: it does not answer, or refuses us.
        """
        self.connected = False
        self._broker().renew([])  # the smallest question every broker answers
        self.connected = True
        return self

    def ensure_connection(
        self,
        errback: Errback | None = None,
        max_retries: int | None = None,
        interval_start: float = 2,
        interval_step: float = 2,
        interval_max: float = 30,
        callback: Callable[[], Any] | None = None,
        reraise_as_library_errors: bool = True,
        timeout: float | None = None,
    ) -> Self:
        """Reach the broker, trying again up to `max_retries` times (None: for ever) and `timeout` seconds in all.

        The waits are `interval_start` seconds and `interval_step` longer each time, up to `interval_max`; `errback` is
        told of each failure and wait, `callback` is called before each wait. A broker that refuses us is not tried again.

        Raises:
            BrokerUnavailable: it did not answer in time; the error of the last try.
        """
        begun = time.monotonic()
        for tried, wait in zip(count(), intervals(interval_start, interval_step, interval_max), strict=False):
            try:
                return self.connect()
            except BrokerUnavailable as error:
                is_late = timeout is not None and time.monotonic() - begun + wait > timeout
                if isinstance(error, BrokerRefused) or is_late or (max_retries is not None and tried >= max_retries):
                    raise
                if errback is not None:
                    errback(error, wait)
                if callback is not None:
                    callback()
                time.sleep(wait)
        raise AssertionError("the waits ended")  # pragma: no cover  (they never do; type checkers cannot know)

    def release(self) -> None:
        """Close what was opened for this object alone; it may be used again."""
        self.connected = False
        if self._own is not None:
            self._own.close()

    close = release

    def clone(self) -> Connection:
        """Another one like this."""
        url, connect_timeout = self._given
        return Connection(self._app, url, connect_timeout=connect_timeout)

    def as_uri(self, include_password: bool = False) -> str:
        """The broker's URL; the password as stars unless asked for."""
        return self._url if include_password else mask(self._url)

    def _broker(self) -> Broker:
        url, connect_timeout = self._given
        if url is None and connect_timeout is None:
            return self._app.broker
        if self._own is None:
            conf = self._app.conf
            self._own = KernelQ(
                self._app.main,
                broker=self._url,
                set_as_current=False,
                broker_transport_options=conf.broker_transport_options,
                broker_connection_timeout=conf.broker_connection_timeout
                if connect_timeout is None
                else connect_timeout,
            )
        return self._own.broker

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<Connection: {self.as_uri()}>"
