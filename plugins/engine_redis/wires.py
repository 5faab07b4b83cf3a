"""Wires: bare calls on connections that redis-py made, so that a call costs little more than its two system calls.

redis-py opens a connection, with TLS, password and timeouts, and knows the errors; hiredis packs and reads. Between them
nothing is done for each call but taking a connection from a stack and putting it back.
"""

from __future__ import annotations

import select
import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from redis import exceptions as library

try:
    import hiredis
except ImportError:  # redis-py works without; see `ThroughLibrary`
    hiredis = None  # type: ignore[assignment]

from .contract import Word

Words = Sequence[Word]
"""A command."""

AT_WORK = 0.01
"""Seconds of rest up to which a connection is used without a look whether the server has closed it."""

_pack: Any = hiredis and hiredis.pack_command
_PIECE_BYTES = 1 << 16
_MORE = object()


class Wire:
    """One connection, for one thread at a time; after an error, other than one the server answered, it is of no more use."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.used_at = monotonic()
        self._socket = connection._sock  # the library has no name for it
        self._reader = hiredis.Reader(
            protocolError=library.InvalidResponse, replyError=connection._parser.parse_error, notEnoughData=_MORE
        )

    def ask(self, packet: bytes) -> Any:
        """The answer to one packed command; an error of the server is returned."""
        self._socket.sendall(packet)
        return self._hear()

    def ask_many(self, packet: bytes, number: int, answers: list[Any]) -> None:
        """Append the answers to `number` packed commands, each as it comes."""
        self._socket.sendall(packet)
        for _ in range(number):
            answers.append(self._hear())

    def send(self, commands: Sequence[Words]) -> None:
        """Send commands as one; `hear` gives the answers."""
        self._socket.sendall(b"".join([_pack(tuple(words)) for words in commands]))

    def hear(self, timeout: float) -> Any:
        """The next answer, or what is pushed.

        Raises:
            TimeoutError: nothing came in time, which leaves the connection as it was.
        """
        answer = self._reader.gets()
        if answer is _MORE:
            self._socket.settimeout(timeout)
            answer = self._hear()
        return answer

    def is_open(self, ping_after: float, rest: float) -> bool:
        """Whether the other side seems to be there after `rest` seconds; asks it after `ping_after`, if that is not 0."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if poll.poll(0):  # closed; or an answer that nobody waits for
            return False
        try:
            return not 0 < ping_after <= rest or self.ask(_pack((b"PING",))) == b"PONG"
        except TimeoutError:
            raise  # whoever calls has waited long enough
        except (library.RedisError, OSError):
            return False

    def _hear(self) -> Any:
        reader = self._reader
        answer = reader.gets()
        while answer is _MORE:
            piece = self._socket.recv(_PIECE_BYTES)
            if not piece:
                raise library.ConnectionError("the server closed the connection")
            reader.feed(piece)
            answer = reader.gets()
        return answer


class Wires:
    """At most `most` wires to one database, made when needed by `connect`, which gives an open connection. Thread-safe.

    Who finds all in use waits for one, at most `patience` seconds.
    """

    def __init__(self, connect: Callable[[], Any], *, most: int, patience: float, ping_after: float) -> None:
        self._connect = connect
        self._most = most
        self._patience = patience
        self._ping_after = ping_after
        self._free: deque[Wire] = deque()  # its append and pop are atomic
        self._changed = threading.Condition()
        # All below is under the lock; `_waiting` is read without.
        self._waiting = 0
        self._opened = 0
        self._wires: set[Wire] = set()
        self._is_closed = False

    def ask(self, words: Words) -> Any:
        """The answer to one command.

        Raises: errors of redis-py.
        """
        packet = _pack(tuple(words))
        wire = self._take()
        try:
            answer = wire.ask(packet)
        except BaseException as error:  # it goes on; what was left in the middle of an answer is of no more use
            self._drop(wire)
            if isinstance(error, OSError):
                raise _as_library(error) from error
            raise
        if isinstance(answer, Exception):
            self._give_after(wire, [answer])
            raise answer
        self._give(wire)
        return answer

    def ask_many(self, commands: Sequence[Words]) -> list[Any]:
        """The answers to several commands, sent as one and carried out in order: of each what was answered, or an error.

        When the connection breaks it is the error of all that were not answered.
        """
        packet = b"".join([_pack(tuple(words)) for words in commands])
        answers: list[Any] = []
        try:
            wire = self._take()
            try:
                wire.ask_many(packet, len(commands), answers)
            except BaseException:  # it goes on; a wire that was left in the middle of an answer is of no more use
                self._drop(wire)
                raise
            self._give_after(wire, answers)
        except (library.RedisError, OSError) as error:
            lost = _as_library(error)
            answers += [lost] * (len(commands) - len(answers))
        return answers

    def ask_library(self, client: Any, words: Words) -> Any:
        """The answer to a command as the library puts it, for commands whose answers have a form."""
        wire = self._take()
        try:
            wire.connection.send_command(*words, check_health=False)
            answer = client.parse_response(wire.connection, words[0])
        except BaseException as error:  # it goes on; what was left in the middle of an answer is of no more use
            self._drop(wire)
            if isinstance(error, OSError):
                raise _as_library(error) from error
            raise
        self._give(wire)
        return answer

    def close(self) -> None:
        """Close all connections, also those in use."""
        with self._changed:
            self._is_closed = True
            wires, self._wires = self._wires, set()
        for wire in wires:
            wire.connection.disconnect()

    def _take(self) -> Wire:
        while True:
            try:
                wire = self._free.pop()
            except IndexError:
                return self._wait_or_open()
            rest = monotonic() - wire.used_at
            if rest < AT_WORK or self._is_of_use(wire, rest):
                return wire

    def _is_of_use(self, wire: Wire, rest: float) -> bool:
        is_open = False
        try:
            is_open = wire.is_open(self._ping_after, rest)
        finally:
            if not is_open:
                self._drop(wire)
        return is_open

    def _give_after(self, wire: Wire, answers: Sequence[Any]) -> None:
        if any(isinstance(answer, library.ConnectionError) for answer in answers):
            self._drop(wire)  # a server that is loading, or has too many clients, says so and may hang up
        else:
            self._give(wire)

    def _give(self, wire: Wire) -> None:
        wire.used_at = monotonic()
        self._free.append(wire)
        if self._waiting:  # after the append: who begins to wait now has seen it
            with self._changed:
                self._changed.notify()

    def _drop(self, wire: Wire) -> None:
        with self._changed:
            self._opened -= 1
            self._wires.discard(wire)
            self._changed.notify()
        wire.connection.disconnect()

    def _wait_or_open(self) -> Wire:
        deadline = monotonic() + self._patience
        with self._changed:
            self._waiting += 1
            try:
                while not self._is_closed and self._opened >= self._most:
                    if self._free:
                        try:
                            return self._free.pop()
                        except IndexError:
                            continue
                    if not self._changed.wait(deadline - monotonic()):
                        raise library.MaxConnectionsError(f"all {self._most} connections are in use")
            finally:
                self._waiting -= 1
            if self._is_closed:
                raise library.ConnectionError("closed by us")
            self._opened += 1
        return self._open()

    def _open(self) -> Wire:
        try:
            wire = Wire(self._connect())
        except BaseException:  # it goes on; the place it would have had is free for who waits
            with self._changed:
                self._opened -= 1
                self._changed.notify()
            raise
        with self._changed:
            self._wires.add(wire)
        return wire


class ThroughLibrary:
    """The same by redis-py's own calls: where it finds the server anew for each (Sentinel, cluster), or without hiredis."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def ask(self, words: Words) -> Any:
        return self._client.execute_command(*words)

    def ask_many(self, commands: Sequence[Words]) -> list[Any]:
        answers: list[Any] = []
        for words in commands:
            try:
                answers.append(self._client.execute_command(*words))
            except library.ResponseError as error:
                answers.append(error)
            except (library.RedisError, library.RedisClusterException, OSError) as error:
                # What follows is not sent: it would be carried out before this one is sent again.
                answers += [error] * (len(commands) - len(answers))
                break
        return answers

    def ask_library(self, client: Any, words: Words) -> Any:
        return client.execute_command(*words)

    def close(self) -> None:
        """The client closes what is its own."""


def can_be_bare() -> bool:
    """Whether `Wires` can be used: hiredis is there."""
    return hiredis is not None


def _as_library(error: Exception) -> Exception:
    if isinstance(error, TimeoutError):
        return library.TimeoutError(f"timed out: {error}")
    return library.ConnectionError(f"the connection broke: {error}") if isinstance(error, OSError) else error
