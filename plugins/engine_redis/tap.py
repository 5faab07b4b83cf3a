"""The tap: a subscription that is read by the very thread that waits, for a thread that waits for one key alone.

Handing what was heard from the bell's thread to another one costs as much as all the rest of a short wait. One thread
of a process can have the tap; others listen to the bell.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from redis import exceptions as library

from .errors import ERRORS, translate
from .wires import AT_WORK, Wire

log = logging.getLogger(__name__)

ASK_EVERY = 4.0
"""Seconds of silence after which the key is read anew, and the server found to be there."""

ANSWER_WITHIN = 4.0
"""Seconds it may take to answer."""


class Tap:
    """A connection that subscribes and reads; `connect` gives one, open, of the third protocol, where both go together.

    All methods but `begin` and `close` are for whoever began, until he ends.
    """

    def __init__(self, connect: Callable[[], Any], where: str) -> None:
        self._connect = connect
        self._where = where
        self._taken = threading.Lock()
        self._wire: Wire | None = None
        self._key = ""  # the one subscribed to; stays so, unheard, until the next
        self._is_denied = False

    def begin(self) -> bool:
        """Take the tap, unless somebody has it."""
        return not self._is_denied and self._taken.acquire(blocking=False)

    def end(self) -> None:
        """Leave it to others."""
        self._taken.release()

    def tune(self, key: str) -> bytes | None:
        """Subscribe to the channel that has the name of a key; what the key holds then. See `kernelq.redis.Tap`."""
        try:
            if not self._is_open():
                self._wire, self._key = self._open(), ""
            commands = [("SUBSCRIBE", key), ("GET", key)]
            if self._key and self._key != key:
                commands.insert(0, ("UNSUBSCRIBE", self._key))
            self._key = key
            return self._read(commands)
        except BaseException as error:  # it goes on; the next begins with a new connection
            self.close()
            if isinstance(error, ERRORS):
                raise translate(error, self._where) from error
            raise

    def wait(self, timeout: float) -> bytes | None:
        """What the key holds once something was said of it; see `kernelq.redis.Tap`."""
        deadline = monotonic() + timeout
        try:
            while (left := deadline - monotonic()) > 0:
                try:
                    said = self._hear(min(left, ASK_EVERY))
                except TimeoutError:
                    if left > ASK_EVERY:
                        return self._read([("GET", self._key)])
                    break
                if said[0] == b"message" and said[1] == self._key.encode():
                    return said[2] or self._read([("GET", self._key)])
        except BaseException as error:  # it goes on; the next begins with a new connection
            self.close()
            if isinstance(error, ERRORS):
                raise translate(error, self._where) from error
            raise
        return None

    def close(self) -> None:
        """Drop the connection; the next `tune` makes another. Who waits gets an error. From any thread."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.connection.disconnect()

    def _is_open(self) -> bool:
        wire = self._wire
        rest = 0.0 if wire is None else monotonic() - wire.used_at
        if wire is not None and (rest < AT_WORK or wire.is_open(0, rest)):
            return True
        self.close()
        return False

    def _open(self) -> Wire:
        try:
            return Wire(self._connect())
        except library.ResponseError as error:
            self._is_denied = True  # a proxy that does not know the third protocol; a user who may not subscribe
            log.debug("no thread will wait by itself: %s", error)
            raise

    def _read(self, commands: list[tuple[str, str]]) -> bytes | None:
        """Send commands, the last of which is the GET, and give its answer."""
        wire = self._opened()
        wire.send(commands)
        while True:
            answer = wire.hear(ANSWER_WITHIN)
            if isinstance(answer, Exception):
                self._is_denied = isinstance(answer, library.NoPermissionError)
                raise answer
            if not isinstance(answer, list):  # a list was pushed
                wire.used_at = monotonic()
                found: bytes | None = answer
                return found

    def _hear(self, timeout: float) -> list[Any]:
        wire = self._opened()
        said: Any = wire.hear(timeout)
        if isinstance(said, Exception):
            raise said
        wire.used_at = monotonic()
        return list(said)

    def _opened(self) -> Wire:
        wire = self._wire
        if wire is None:
            raise library.ConnectionError("closed by us")
        return wire
