"""One connection through the proxy: two pipes, each with the weather of its direction."""

from __future__ import annotations

import random
import select
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Direction = Literal["up", "down"]
"""``up`` is from client to server, ``down`` from server to client."""

_CHUNK_BYTES = 65_536
_MOST_HELD_BYTES = 4 * 1024 * 1024
"""Held in one pipe before its sender is made to wait, as a network's window would."""
_SLICES_AT_ONCE = 32
"""Sent before other connections have their turn; each is a packet of its own all the same."""
_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR
_WRITABLE = select.POLLOUT | select.POLLHUP | select.POLLERR
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Weather:
    """What happens to bytes of one direction. Read by the proxy's thread at each step."""

    delay: float = 0.0
    jitter: float = 0.0
    slice_bytes: int = _CHUNK_BYTES
    bytes_per_second: float = 0.0
    """0: no limit."""
    is_hole: bool = False


@dataclass(slots=True)
class Ambush:
    """Waits for a request, then resets its connection inside the reply."""

    is_request: Callable[[bytes], bool]
    pass_bytes: int
    """How much of the reply passes."""
    is_sprung: bool = False


class Pipe:
    """One direction of one connection: what was read and is to be sent, each chunk when it is due."""

    def __init__(self, source: socket.socket, target: socket.socket, weather: Weather) -> None:
        self.source = source
        self.target = target
        self._weather = weather
        self._chunks: deque[tuple[float, bytes]] = deque()
        self._held_bytes = 0
        self._free_at = 0.0  # when the limit lets the next byte pass
        self._is_ended = False
        self.is_done = False
        """Whether the end of the stream was passed on too."""

    @property
    def reads(self) -> bool:
        """Whether it takes more from its source now."""
        return not (self._weather.is_hole or self._is_ended or self._held_bytes >= _MOST_HELD_BYTES)

    def sends_in(self, now: float) -> float | None:
        """Seconds until it has something to send; None: not by itself."""
        if self._weather.is_hole or self.is_done or not (self._chunks or self._is_ended):
            return None
        due = self._chunks[0][0] if self._chunks else 0.0
        return max(0.0, due - now, self._free_at - now)

    def add(self, data: bytes, now: float) -> None:
        """Take what was read; nothing means that the stream has ended."""
        if not data:
            self._is_ended = True
            return
        wobble = random.uniform(-self._weather.jitter, self._weather.jitter)
        due = now + max(0.0, self._weather.delay + wobble)
        last = self._chunks[-1][0] if self._chunks else 0.0
        self._chunks.append((max(due, last), data))  # a stream keeps its order
        self._held_bytes += len(data)

    def send(self, now: float) -> None:
        """Send what is due, up to some slices."""
        for _ in range(_SLICES_AT_ONCE):
            if self._chunks and self.sends_in(now) == 0.0:
                self._send_slice(now)
        if self._is_ended and not self._chunks:
            self.target.shutdown(socket.SHUT_WR)
            self.is_done = True

    def _send_slice(self, now: float) -> None:
        due, data = self._chunks.popleft()
        limit = self._weather.bytes_per_second
        most = min(self._weather.slice_bytes, max(1, int(limit / 50)) if limit else _CHUNK_BYTES)
        sent = self.target.send(data[:most])
        self._held_bytes -= sent
        if sent < len(data):
            self._chunks.appendleft((due, data[sent:]))
        if limit:
            self._free_at = max(now, self._free_at) + sent / limit


class Link:
    """A client's connection and the one to the server that was made for it."""

    def __init__(self, client: socket.socket, server: socket.socket, up: Weather, down: Weather) -> None:
        self.client = client
        self.server = server
        self.pipes: dict[Direction, Pipe] = {"up": Pipe(client, server, up), "down": Pipe(server, client, down)}
        self.is_open = True
        self._ambush: Ambush | None = None  # the one whose request came this way
        self._passed_bytes = 0  # since then

    def interest(self, now: float) -> dict[int, int]:
        """What to poll its sockets for, by file descriptor."""
        wanted: dict[int, int] = {}
        for pipe in self.pipes.values():
            if pipe.reads:
                wanted[pipe.source.fileno()] = wanted.get(pipe.source.fileno(), 0) | select.POLLIN
            if pipe.sends_in(now) == 0.0:
                wanted[pipe.target.fileno()] = wanted.get(pipe.target.fileno(), 0) | select.POLLOUT
        return wanted

    def sends_in(self, now: float) -> float | None:
        """Seconds until one of its pipes has something to send; None: nothing is under way."""
        waits = [wait for pipe in self.pipes.values() if (wait := pipe.sends_in(now)) is not None]
        return min(waits, default=None)

    def step(self, events: dict[int, int], now: float, ambush: Ambush | None) -> None:
        """Read and send what can be. A broken side resets the other."""
        try:
            for direction, pipe in self.pipes.items():
                if events.get(pipe.source.fileno(), 0) & _READABLE and pipe.reads:
                    self._read(direction, pipe, now, ambush)
                if not self.is_open:
                    return
                if events.get(pipe.target.fileno(), 0) & _WRITABLE and pipe.sends_in(now) == 0.0:
                    pipe.send(now)
        except BlockingIOError:
            pass  # not connected to the server yet; polled again
        except OSError:
            self.reset()
        if all(pipe.is_done for pipe in self.pipes.values()):
            self.close()

    def reset(self) -> None:
        """End both sides by RST."""
        for side in (self.client, self.server):
            try:
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            except OSError:
                pass  # it is gone already
        self.close()

    def close(self) -> None:
        """Close both sides."""
        self.is_open = False
        self.client.close()
        self.server.close()

    def _read(self, direction: Direction, pipe: Pipe, now: float, ambush: Ambush | None) -> None:
        data = pipe.source.recv(_CHUNK_BYTES)
        if ambush is not None and not ambush.is_sprung:
            if direction == "down" and self._ambush is ambush:
                self._pass_some(ambush, data)
                return
            if direction == "up" and self._ambush is not ambush and data and ambush.is_request(data):
                self._ambush, self._passed_bytes = ambush, 0
        pipe.add(data, now)

    def _pass_some(self, ambush: Ambush, reply: bytes) -> None:
        """Let pass what may pass of a reply; reset once that is used up."""
        self.client.sendall(reply[: ambush.pass_bytes - self._passed_bytes])
        self._passed_bytes += len(reply)
        if self._passed_bytes >= ambush.pass_bytes:
            ambush.is_sprung = True  # before the client can see it
            self.reset()
