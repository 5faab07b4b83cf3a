"""Links: a connection and the thread that serves it, and nothing else ever touches the client library's objects."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from kernelq.contracts import BrokerUnavailable

from . import floats  # noqa: F401  (it mends how pika reads headers)
from .address import Address
from .border import translate
from .stream import Stream
from .wire import Answer, Wire

log = logging.getLogger("kernelq.amqp")

PARTING = 1.0
"""Seconds the server has to take leave of a connection; then it is dropped."""

# Whatever pika has to say of a lost connection is raised here, or logged by whoever lost it, in words of ours.
logging.getLogger("pika").setLevel(logging.CRITICAL)


class Link:
    """An open connection; `Link(...)` returns once it is open. See `kernelq.amqp.Link`.

    `on_blocked` is called, on the connection's thread, with the reason when the server stops publishers, and with None when it
    lets them go on.
    """

    server: Mapping[str, Any]

    def __init__(
        self,
        address: Address,
        *,
        name: str,
        heartbeat: int | None,
        timeout: float,
        on_blocked: Callable[[str | None], None] | None = None,
    ) -> None:
        self.where = address.where
        self.timeout = timeout
        self._on_blocked = on_blocked
        self._lock = threading.Lock()  # guards `_ended` and `_wires`
        self._ended: Exception | None = None
        self._wires: set[Wire] = set()
        self._gone = threading.Event()
        self._connection: Any = None
        opened = Answer()
        parameters = address.parameters(name=name, heartbeat=heartbeat, timeout=timeout)
        self._thread = threading.Thread(target=self._serve, args=(parameters, opened), name=f"amqp {name}", daemon=True)
        self._thread.start()
        if not opened.wait(timeout + PARTING):
            self.drop()
            raise BrokerUnavailable(f"cannot reach RabbitMQ at {self.where}: no answer within {timeout:g} s")
        self.server = opened.result()

    @property
    def ended(self) -> Exception | None:
        return self._ended

    def wire(self, on_end: Callable[[], None] | None = None) -> Wire:
        return Wire(self, on_end)

    def soon(self, act: Callable[[], None]) -> None:
        """Run `act` on the connection's thread; never when it has ended."""
        connection = self._connection
        connection.ioloop.add_callback_threadsafe(lambda: connection.write_together(act))

    def later(self, delay: float, act: Callable[[], None]) -> None:
        self.soon(lambda: self._connection.ioloop.call_later(delay, act))

    def open_channel(self, on_open: Callable[[Any], None]) -> None:
        """Begin to open a channel; on the connection's thread."""
        self._connection.channel(on_open_callback=on_open)

    def join(self, wire: Wire) -> None:
        """From now on `wire` is told when the connection ends; raises if it has ended already."""
        with self._lock:
            if self._ended is not None:
                raise self._ended
            self._wires.add(wire)

    def leave(self, wire: Wire) -> None:
        """`wire` need not be told any more."""
        with self._lock:
            self._wires.discard(wire)

    def close(self) -> None:
        if self._ended is None:
            self.soon(self._say_goodbye)
            if not self._gone.wait(PARTING):
                self.drop()

    def drop(self, why: str = "was dropped") -> None:
        self._end(BrokerUnavailable(f"the connection to RabbitMQ at {self.where} {why}"))
        if self._connection is not None and not self._gone.is_set():
            self.soon(self._drop)
            self._gone.wait(PARTING)

    def _serve(self, parameters: Any, opened: Answer) -> None:
        """The thread: connect, then serve the connection to its end."""

        def on_open(connection: Any) -> None:
            if self._on_blocked is not None:
                blocked, unblocked = self._on_blocked, self._on_blocked
                connection.add_on_connection_blocked_callback(lambda _, frame: blocked(frame.method.reason))
                connection.add_on_connection_unblocked_callback(lambda _, frame: unblocked(None))
            opened.give(connection.server_properties)

        def on_end(connection: Any, error: BaseException) -> None:
            ours = translate(error, self.where)
            self._end(ours)
            opened.fail(ours)
            connection.ioloop.stop()

        try:
            self._connection = connection = Stream(parameters, on_open, on_end, on_end)
            connection.ioloop.start()
            connection.ioloop.close()
        except Exception as error:
            log.debug("the thread of a connection to %s failed", self.where, exc_info=True)
            ours = translate(error, self.where)
            self._end(ours)
            opened.fail(ours)
        finally:
            self._gone.set()

    def _end(self, error: Exception) -> None:
        with self._lock:
            self._ended = self._ended or error
            wires, self._wires = self._wires, set()
        for wire in wires:
            wire.end(self._ended)

    def _say_goodbye(self) -> None:
        if self._connection.is_open:
            self._connection.close()

    def _drop(self) -> None:
        # pika's public `close` waits for a word of the server, which is just what is not to be had here.
        if not self._connection.is_closed:
            self._connection._terminate_stream(BrokerUnavailable("dropped"))
