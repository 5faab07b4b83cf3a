"""A subscription to one channel, heard by the very thread that waits for it: nothing is handed from thread to thread."""

from __future__ import annotations

import logging
import select
import socket
from collections.abc import Callable
from time import monotonic
from typing import Any

from kernelq.contracts import BrokerError

from .errors import broker_errors

log = logging.getLogger(__name__)

WAITS = (0.1, 2.0)
"""Seconds before a lost connection is made again: the first time, and at most."""

_PIECE_BYTES = 1 << 16


class Subscription:
    """See `kernelq.redis.Subscription`. `connect` gives a connection of redis-py that is not open yet."""

    def __init__(self, connect: Callable[[], Any], where: str, channel: str) -> None:
        self._connect = connect
        self._where = where
        self._channel = channel
        self._connection: Any = None
        self._next_try = 0.0  # monotonic seconds
        self._wait, self._most = WAITS
        self._is_told = False  # that nothing is heard
        self._nudge, self._nudged = socket.socketpair()
        self._nudge.setblocking(False)
        self._nudged.setblocking(False)

    @property
    def is_heard(self) -> bool:
        return self._connection is not None

    def open(self) -> None:
        if self._connection is not None or monotonic() < self._next_try:
            return
        connection = None
        try:
            with broker_errors(self._where):
                connection = self._connect()
                connection.connect()
                connection.send_command("SUBSCRIBE", self._channel, check_health=False)
                connection.read_response()  # an error of the server is raised
                connection._sock.setblocking(False)  # the library has no name for it
        except BrokerError as error:
            self._lose(connection, error)
            return
        self._connection, self._wait = connection, WAITS[0]
        if self._is_told:
            log.info("Redis is heard again")
        self._is_told = False

    def wait(self, timeout: float) -> bool:
        poll = select.poll()
        poll.register(self._nudged, select.POLLIN)
        if self._connection is not None:
            poll.register(self._connection._sock, select.POLLIN)
        else:
            timeout = min(timeout, max(0.0, self._next_try - monotonic()))
        if not poll.poll(timeout * 1000):
            return self._connection is None
        try:
            self._nudged.recv(_PIECE_BYTES)
        except BlockingIOError:
            pass  # it was the server
        if self._connection is not None:
            self._hear()
        return True

    def wake(self) -> None:
        try:
            self._nudge.send(b"!")
        except OSError:
            pass  # full: it is being woken; or closed

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()
        self._nudge.close()
        self._nudged.close()

    def _hear(self) -> None:
        """Take in what was said. There is but one channel, so that something was is all it tells."""
        try:
            while len(self._connection._sock.recv(_PIECE_BYTES) or _end()) == _PIECE_BYTES:
                pass
        except (BlockingIOError, InterruptedError):
            pass  # that was all
        except OSError as error:
            if type(error).__name__ in ("SSLWantReadError", "SSLWantWriteError"):
                return  # half a record
            connection, self._connection = self._connection, None
            self._lose(connection, error)

    def _lose(self, connection: Any, error: Exception) -> None:
        if connection is not None:
            connection.disconnect()
        log.log(
            logging.DEBUG if self._is_told else logging.WARNING,
            "nothing is heard from Redis at %s, who waits looks by himself until it is: %s",
            self._where,
            error,
        )
        self._is_told = True
        self._next_try = monotonic() + self._wait
        self._wait = min(2 * self._wait, self._most)


def _end() -> bytes:
    raise ConnectionResetError("the server closed the connection")
