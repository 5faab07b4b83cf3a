"""The engines the fault tests run on: for each, the server it needs and a clean place on it for every test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kernelq import uuid
from servers import MariaServer, PostgresServer, RabbitServer, RedisServer, Server, exchange

VHOSTS = 25
"""Virtual hosts made at once: each ``rabbitmqctl`` starts a virtual machine, which takes a second or two."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where one test's messages and outcomes are kept; `server` is None for a file."""

    engine: str
    broker: str
    backend: str
    server: Any = None

    def through(self, port: int) -> Ground:
        """The same, with this port in place of the server's."""
        assert self.server is not None, f"{self.engine} has no server to put a proxy before"
        own, other = f":{self.server.port}/", f":{port}/"
        return Ground(self.engine, self.broker.replace(own, other), self.backend.replace(own, other), self.server)


@dataclass(frozen=True, slots=True)
class Kind:
    """One engine: its server's class, the fixture that runs one, and what makes a clean pair of URLs."""

    server: type[Server] | None
    fixture: str
    urls: Callable[[Any, Path], tuple[str, str]]

    def ground(self, engine: str, server: Any, folder: Path) -> Ground:
        """A clean place; a server that an earlier test left dead is started again."""
        if server is not None and not server.answers():
            server.start()
        return Ground(engine, *self.urls(server, folder), server)


def _file(server: None, folder: Path) -> tuple[str, str]:
    url = f"sqlite:///{folder}/kernelq.sqlite3"
    return url, url


def _database(server: PostgresServer | MariaServer, folder: Path) -> tuple[str, str]:
    url = server.fresh(f"faults_{uuid().replace('-', '')}")
    return url, url


def _emptied(server: RedisServer, folder: Path) -> tuple[str, str]:
    exchange(server.port, b"FLUSHALL\r\n")
    return server.url, server.url


def _vhost(server: RabbitServer, folder: Path) -> tuple[str, str]:
    # Outcomes are read by whoever asks, not only by the caller: RabbitMQ itself cannot keep them so.
    free = _free_vhosts.setdefault(server.port, [])
    if not free:
        free += _make_vhosts(server)
    return f"{server.url.rstrip('/')}/{free.pop()}", f"sqlite:///{folder}/results.sqlite3"


_free_vhosts: dict[int, list[str]] = {}


def _make_vhosts(server: RabbitServer) -> list[str]:
    names = [f"faults{uuid().replace('-', '')}" for _ in range(VHOSTS)]
    every = '<<".*">>'
    made = ", ".join(
        f'rabbit_vhost:add(<<"{name}">>, <<"tests">>), rabbit_auth_backend_internal:set_permissions('
        f'<<"guest">>, <<"{name}">>, {every}, {every}, {every}, <<"tests">>)'
        for name in names
    )
    # A queue says every five seconds how many messages it holds: too seldom for whoever waits for none to be left.
    server.control("eval", f"application:set_env(rabbit, quorum_tick_interval, 300), {made}.")
    return names


KINDS = {
    "sqlite": Kind(None, "", _file),
    "postgresql": Kind(PostgresServer, "postgres_server", _database),
    "redis": Kind(RedisServer, "redis_server", _emptied),
    "amqp": Kind(RabbitServer, "rabbit_server", _vhost),
    "mysql": Kind(MariaServer, "maria_server", _database),
}

SERVERS = ("redis", "postgresql", "amqp")
ALL = ("sqlite", *SERVERS)
LEASED = ("sqlite", "redis", "postgresql")
"""Those whose leases outlive a lost connection."""


def on(engines: Sequence[str], **marks: pytest.MarkDecorator) -> pytest.MarkDecorator:
    """Run a test on each of these engines, some with a mark; without it, it runs on SQLite."""
    chosen = [pytest.param(engine, marks=marks[engine]) if engine in marks else engine for engine in engines]
    return pytest.mark.parametrize("engine", chosen)
