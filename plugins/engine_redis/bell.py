"""The bell: the one subscribed connection of a process, and the thread that listens to it for everybody.

Who joins a channel is rung when the server has confirmed it, and at everything said there; when the connection is made
anew it is confirmed anew. So who looks after each ring misses nothing.
"""

from __future__ import annotations

import logging
import select
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

from kernelq.contracts import BrokerError
from redis.exceptions import ResponseError

from .contract import Ring
from .errors import broker_errors

log = logging.getLogger(__name__)

PING_EVERY = 4.0
"""Seconds of silence after which the server is asked whether it is there; as long again, and it is not."""

WAITS = (0.1, 2.0)
"""Seconds before the connection is made again: the first time, and at most."""

_AT_ONCE = 1000
"""Channels in one command."""

_LOST = "nothing is heard from Redis, who waits looks by himself until it is: %s"


class Bell:
    """Subscribes to the channels that somebody joined. Thread-safe; the thread starts with the first of them."""

    def __init__(self, connect: Callable[[], Any], where: str) -> None:
        self._connect = connect
        self._where = where
        self._lock = threading.Lock()
        self._rings: dict[str, list[Ring]] = {}
        self._changed: set[str] = set()  # channels that were joined or left since the thread looked
        self._confirmed: set[str] = set()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._is_told = False  # that nothing is heard
        self._nudge: socket.socket | None = None  # made with the thread
        self._nudged: socket.socket | None = None
        self.is_up = False
        """Whether the subscription stands; written by the thread."""

    def join(self, channels: Collection[str], ring: Ring) -> None:
        """Have `ring` called with each of these channels: soon, and whenever something is said there."""
        confirmed = []
        with self._lock:
            for channel in channels:
                rings = self._rings.setdefault(channel, [])
                if not rings:
                    self._changed.add(channel)
                rings.append(ring)
                if channel in self._confirmed and channel not in self._changed:
                    confirmed.append(channel)
            if self._thread is None:
                self._start()
        for channel in confirmed:
            ring(channel)
        self._wake_thread()

    def leave(self, channels: Collection[str], ring: Ring) -> None:
        """Undo `join`."""
        with self._lock:
            for channel in channels:
                rings = self._rings.get(channel)
                if not rings or ring not in rings:
                    continue
                rings.remove(ring)
                if not rings:
                    del self._rings[channel]
                    self._changed.add(channel)
        self._wake_thread()

    def close(self) -> None:
        """End the thread and its connection."""
        self._is_closed = True
        self._wake_thread()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        for end in (self._nudge, self._nudged):
            if end is not None:
                end.close()

    def _start(self) -> None:
        self._nudge, self._nudged = socket.socketpair()
        self._nudge.setblocking(False)
        self._nudged.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="redis-bell", daemon=True)
        self._thread.start()

    def _wake_thread(self) -> None:
        try:
            if self._nudge is not None:
                self._nudge.send(b"!")
        except OSError:
            pass  # full: it is being woken; or closed

    # --- the thread

    def _run(self) -> None:
        wait, longest = WAITS
        while not self._is_closed:
            connection = None
            try:
                with broker_errors(self._where):
                    connection = self._connect()
                    connection.connect()
                    self._begin(connection)
                    wait = WAITS[0]
                    self._listen(connection)
            except BrokerError as error:
                self._tell(error)
            except Exception:  # this thread is all that wakes who waits: it must not end
                log.exception(_LOST, "an error of ours")
            finally:
                self.is_up = False
                if connection is not None:
                    connection.disconnect()
            self._ring_all()
            self._rest(wait)
            wait = min(2 * wait, longest)

    def _tell(self, error: BrokerError) -> None:
        """Once for each time it is lost."""
        log.log(logging.DEBUG if self._is_told else logging.WARNING, _LOST, error)
        self._is_told = True

    def _begin(self, connection: Any) -> None:
        with self._lock:
            self._confirmed.clear()
            self._changed = set(self._rings)
        self._subscribe(connection)
        if self._is_told:
            log.info("Redis is heard again")
        self.is_up, self._is_told = True, False

    def _listen(self, connection: Any) -> None:
        silent_since, is_asked = time.monotonic(), False
        while not self._is_closed:
            if self._hear(connection):
                silent_since, is_asked = time.monotonic(), False
            self._subscribe(connection)
            left = silent_since + PING_EVERY - time.monotonic()
            if left <= 0:
                if is_asked:
                    raise TimeoutError(f"silent for {2 * PING_EVERY:g} s")
                connection.send_command("PING", check_health=False)
                silent_since, is_asked = time.monotonic(), True
                continue
            if not connection.can_read(0):
                self._sleep(left, connection._sock)  # the library has no name for it

    def _hear(self, connection: Any) -> bool:
        """Read what has come; whether that was anything."""
        has_heard = False
        while connection.can_read(0):
            answer = connection.read_response(disable_decoding=True)
            has_heard = True
            if isinstance(answer, ResponseError):
                raise answer
            if isinstance(answer, list) and answer[0] in (b"message", b"subscribe"):
                self._ring(answer[1].decode(), is_confirmed=answer[0] == b"subscribe")
        return has_heard

    def _subscribe(self, connection: Any) -> None:
        """Tell the server of the channels that were joined and left."""
        with self._lock:
            if not self._changed:
                return
            changed, self._changed = self._changed, set()
            wanted = [channel for channel in changed if channel in self._rings]
            unwanted = [channel for channel in changed if channel not in self._rings]
            self._confirmed.difference_update(changed)
        for command, channels in (("SUBSCRIBE", wanted), ("UNSUBSCRIBE", unwanted)):
            for i in range(0, len(channels), _AT_ONCE):
                connection.send_command(command, *channels[i : i + _AT_ONCE], check_health=False)

    def _ring(self, channel: str, *, is_confirmed: bool) -> None:
        with self._lock:
            rings = list(self._rings.get(channel, ()))
            if is_confirmed and rings:
                self._confirmed.add(channel)
        for ring in rings:
            ring(channel)

    def _ring_all(self) -> None:
        """Those who wait must learn that nobody will ring."""
        with self._lock:
            rings = [(channel, ring) for channel, joined in self._rings.items() for ring in joined]
        for channel, ring in rings:
            ring(channel)

    def _rest(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._is_closed and (left := deadline - time.monotonic()) > 0:
            self._sleep(left)

    def _sleep(self, seconds: float, *sockets: Any) -> None:
        """Until something can be read from these, somebody joins or leaves, or time is up."""
        poll = select.poll()
        for each in _open((*sockets, self._nudged)):
            poll.register(each, select.POLLIN)
        poll.poll(seconds * 1000)
        try:
            if self._nudged is not None:
                self._nudged.recv(4096)
        except OSError:
            pass  # it was not that


class Ear:
    """One listener of a bell; see `kernelq.redis.Listener`."""

    def __init__(self, bell: Bell, ring: Ring) -> None:
        self._bell = bell
        self._ring = ring

    @property
    def is_heard(self) -> bool:
        return self._bell.is_up

    def leave(self, channels: Collection[str]) -> None:
        self._bell.leave(channels, self._ring)


def _open(sockets: Iterable[Any]) -> list[Any]:
    return [each for each in sockets if each is not None and each.fileno() >= 0]
