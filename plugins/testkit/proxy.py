"""A bad network between a driver and its server: a TCP proxy on loopback that delays, cuts and swallows.

    with Proxy("127.0.0.1", server.port) as proxy:
        app = KernelQ(broker=proxy.url(server.url))
        proxy.cut_reply()
        app.send_task("proj.add", (1, 2))

It is its own thread in the test's process. A forked child has no part in it: it only connects to it.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Literal, Self
from weakref import WeakSet

from .proxy_link import Ambush, Direction, Link, Weather

_PATIENCE = 30.0
"""Seconds after which the proxy's thread will never answer."""


class Proxy:
    """Passes bytes between clients and one server; from any thread, told what to do to them.

    Every fault lasts until `heal`, but for `reset`, which happens at once, and `cut_reply` and `reset_inside`, which
    happen once. Directions are ``up`` (client to server), ``down`` and ``both``.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._weather: dict[Direction, Weather] = {"up": Weather(), "down": Weather()}
        self._links: list[Link] = []
        self._ambush: Ambush | None = None
        self._refuses = False
        self._is_ending = False
        self._commands: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        """Where clients connect, on 127.0.0.1."""
        self._bell, self._rope = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name=f"proxy-{self.port}", daemon=True)
        _proxies.add(self)

    def url(self, url: str) -> str:
        """A URL of the server, leading here instead.

        Raises:
            ValueError: the URL does not hold the server's ``host:port``.
        """
        place = f"{self._server[0]}:{self._server[1]}"
        if place not in url:
            raise ValueError(f"expected a URL of {place}, got {url!r}")
        return url.replace(place, f"127.0.0.1:{self.port}", 1)

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return sum(link.is_open for link in list(self._links))

    @property
    def is_armed(self) -> bool:
        """Whether a `cut_reply` or `reset_inside` still waits for its reply."""
        return self._ambush is not None and not self._ambush.is_sprung

    def delay(self, seconds: float, jitter: float = 0.0, *, direction: Direction | Literal["both"] = "both") -> None:
        """Pass each chunk `seconds` later, give or take `jitter` seconds; order is kept."""
        for weather in self._of(direction):
            weather.delay, weather.jitter = seconds, jitter
        self._tell()

    def slice(self, size: int, *, direction: Direction | Literal["both"] = "both") -> None:
        """Send at most `size` bytes at once, each in a packet of its own."""
        for weather in self._of(direction):
            weather.slice_bytes = size
        self._tell()

    def limit(self, bytes_per_second: float, *, direction: Direction | Literal["both"] = "both") -> None:
        """Let no more than this pass, on each connection and in each direction."""
        for weather in self._of(direction):
            weather.bytes_per_second = bytes_per_second
        self._tell()

    def hole(self, direction: Direction | Literal["both"] = "both") -> None:
        """Let nothing pass, on new connections as well, which are accepted.

        Bytes and ends of streams pass after `heal`, as a network that comes back sends again what was lost.
        """
        for weather in self._of(direction):
            weather.is_hole = True
        self._tell()

    def reset(self) -> None:
        """Reset every open connection, both sides; it is done when this returns."""
        self._tell(self._reset_all)

    def refuse(self) -> None:
        """Be a server that is away: reset every connection, and each new one at once."""
        self._refuses = True
        self.reset()

    def cut_reply(self, after: bytes | Callable[[bytes], bool] = b"") -> None:
        """Once: pass the next request on, then drop the reply and reset, so that it was done and nobody was told.

        `after` says which request: one with these bytes in it (none: any), or of which this is true, called with what
        was read at once.
        """
        self.reset_inside(0, after)

    def reset_inside(self, nbytes: int, after: bytes | Callable[[bytes], bool] = b"") -> None:
        """Once: reset a connection `nbytes` bytes after a request that is like `after` passed on it; see `cut_reply`."""
        is_request = after if callable(after) else lambda data: after in data
        self._ambush = Ambush(is_request, nbytes)
        self._tell()

    def heal(self) -> None:
        """Be a good network again; connections that were not reset go on, with what was held."""
        for weather in self._weather.values():
            weather.__init__()  # type: ignore[misc]  # pipes hold these very objects: back to the defaults in place
        self._refuses = False
        self._ambush = None
        self._tell()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_ending = True
        self._bell.send(b"!")
        self._thread.join(_PATIENCE)
        self._forget()

    def _of(self, direction: Direction | Literal["both"]) -> list[Weather]:
        return list(self._weather.values()) if direction == "both" else [self._weather[direction]]

    def _tell(self, command: Callable[[], None] = lambda: None) -> None:
        """Have the thread do something and wait until it did; all that was set before counts from then on."""
        done = threading.Event()

        def do() -> None:
            command()
            done.set()

        self._commands.put(do)
        self._bell.send(b"!")
        if not done.wait(_PATIENCE):
            raise TimeoutError(f"the proxy on port {self.port} does not run; use it as a context manager")

    def _run(self) -> None:
        try:
            while not self._is_ending:
                self._turn()
        finally:
            self._reset_all()

    def _turn(self) -> None:
        """Wait until something can be done, and do it."""
        now = time.monotonic()
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._rope, select.POLLIN)
        for link in self._links:
            for number, wanted in link.interest(now).items():
                poll.register(number, wanted)
        waits = [wait for link in self._links if (wait := link.sends_in(now))]
        events = dict(poll.poll(min(waits) * 1000 + 1 if waits else None))
        if self._rope.fileno() in events:
            self._obey()
        if self._listener.fileno() in events:
            self._accept()
        now = time.monotonic()
        for link in self._links:
            if link.is_open:
                link.step(events, now, self._ambush)
        self._links = [link for link in self._links if link.is_open]

    def _obey(self) -> None:
        self._rope.recv(1024)
        while True:
            try:
                self._commands.get_nowait()()
            except Empty:
                return

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return  # it has left again
        server = socket.socket()
        for side in (client, server):
            side.setblocking(False)
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = Link(client, server, self._weather["up"], self._weather["down"])
        if self._refuses:
            link.reset()
            return
        server.connect_ex(self._server)  # how it ends shows when the socket is read
        self._links.append(link)

    def _reset_all(self) -> None:
        for link in self._links:
            link.reset()

    def _forget(self) -> None:
        for each in (self._listener, self._bell, self._rope):
            each.close()

    def _leave_to_parent(self) -> None:
        """In a forked child: let go of every socket, or none could be reset for good while the child lives."""
        for link in self._links:
            link.close()
        self._forget()


_proxies: WeakSet[Proxy] = WeakSet()


def _leave_all_to_parent() -> None:
    for proxy in list(_proxies):
        proxy._leave_to_parent()


os.register_at_fork(after_in_child=_leave_all_to_parent)
