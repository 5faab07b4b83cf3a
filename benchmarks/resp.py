"""A client for Redis in a few lines, for control and for looking; no peer uses it."""

from __future__ import annotations

import socket
from typing import Any


class RedisError(Exception):
    """The server refused a command."""


class RedisClient:
    """One connection to a server on loopback."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._answers = self._socket.makefile("rb")
        self._database = 0

    def command(self, *words: str | int, database: int = 0) -> Any:
        """Send a command and return its answer: int, bytes, str, list or None."""
        if database != self._database:
            self._exchange("SELECT", database)
            self._database = database
        return self._exchange(*words)

    def calls(self) -> int:
        """How many commands the server has carried out so far, those within scripts too."""
        return sum(calls for calls, _ in self._statistics().values())

    def script_seconds(self) -> float:
        """CPU seconds the server has spent in scripts and functions so far."""
        found = self._statistics()
        return sum(found.get(name, (0, 0))[1] for name in ("eval", "evalsha", "fcall")) / 1e6

    def close(self) -> None:
        """Close the connection."""
        self._answers.close()
        self._socket.close()

    def _statistics(self) -> dict[str, tuple[int, int]]:
        """Command → calls and microseconds."""
        found = {}
        for line in self._exchange("INFO", "commandstats").decode().splitlines():
            if line.startswith("cmdstat_"):
                name, _, numbers = line.removeprefix("cmdstat_").partition(":")
                pairs = dict(pair.split("=") for pair in numbers.split(","))
                found[name] = (int(pairs["calls"]), int(pairs["usec"]))
        return found

    def _exchange(self, *words: str | int) -> Any:
        parts = [str(word).encode() for word in words]
        request = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self._socket.sendall(request)
        return self._answer()

    def _answer(self) -> Any:
        line = self._answers.readline()
        kind, value = line[:1], line[1:-2]
        if kind == b"+":
            return value.decode()
        if kind == b"-":
            raise RedisError(value.decode())
        if kind == b":":
            return int(value)
        if kind == b"$":
            return None if value == b"-1" else self._answers.read(int(value) + 2)[:-2]
        if kind == b"*":
            return None if value == b"-1" else [self._answer() for _ in range(int(value))]
        raise RedisError(f"expected an answer of Redis, got {line!r}")
