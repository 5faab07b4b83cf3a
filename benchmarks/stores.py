"""Stores: where a peer keeps its messages; each can be emptied, and asked what is left to do."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from .errors import BenchFailed
from .homes import ROOT
from .peers import Peer
from .resp import RedisClient
from .servers import PostgresServer, RabbitServer, RedisServer, Server, find


class Store(ABC):
    """One engine, serving one peer at a time."""

    is_exact = True
    """Whether `unsettled` is quick and sees the last acknowledgement; if not, a drain ends with the last mark."""

    redis: RedisClient | None = None
    """A connection for statistics, where the store is Redis."""

    @abstractmethod
    def reset(self, peer: Peer, python: Path) -> None:
        """Make everything empty, ready for `peer`, whose Python is given."""

    @abstractmethod
    def urls(self, peer: Peer) -> tuple[str, str]:
        """Broker and result backend, as the peer's adapter takes them."""

    @abstractmethod
    def unsettled(self, peer: Peer) -> int:
        """How many messages the store does not know to be done; 0 once every acknowledgement is in."""

    def results(self, peer: Peer) -> int:
        """How many results can be read."""
        raise NotImplementedError(f"results of {peer.name} are not measured")


class RedisStore(Store):
    """One private Redis; messages in database 0, results mostly in 1."""

    def __init__(self, server: RedisServer) -> None:
        self.port = server.port
        self.redis = self._client = RedisClient(server.port)

    def reset(self, peer: Peer, python: Path) -> None:
        self._client.command("FLUSHALL")

    def urls(self, peer: Peer) -> tuple[str, str]:
        return f"redis://127.0.0.1:{self.port}/0", f"redis://127.0.0.1:{self.port}/1"

    def unsettled(self, peer: Peer) -> int:
        return sum(self._count(question) for question in peer.unsettled)

    def results(self, peer: Peer) -> int:
        return self._count(peer.results)

    def _count(self, question: str) -> int:
        """`question` is ``DATABASE COMMAND …``."""
        database, *words = question.split()
        answer = self._client.command(*words, database=int(database))
        return int(answer[0] if isinstance(answer, list) else answer)


class SqliteStore(Store):
    """One file, made new for each measurement; on the disk, as its users have it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="kernelq-bench-", ignore_cleanup_errors=True)
        self._file = Path(self._folder.name) / "store.sqlite3"

    def end(self) -> None:
        """Remove it."""
        self._folder.cleanup()

    def reset(self, peer: Peer, python: Path) -> None:
        for end in ("", "-wal", "-shm"):
            Path(f"{self._file}{end}").unlink(missing_ok=True)

    def urls(self, peer: Peer) -> tuple[str, str]:
        url = f"sqlite:///{self._file}"
        return url, url

    def unsettled(self, peer: Peer) -> int:
        return sum(self._count(question) for question in peer.unsettled)

    def results(self, peer: Peer) -> int:
        return self._count(peer.results)

    def _count(self, query: str) -> int:
        with closing(sqlite3.connect(self._file, timeout=10)) as connection:
            found: int = connection.execute(query).fetchone()[0]
        return found


class PostgresStore(Store):
    """One private PostgreSQL; each measurement has a new database."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._templates: dict[str, str] = {}
        self._console: subprocess.Popen[str] | None = None

    def reset(self, peer: Peer, python: Path) -> None:
        self._close()
        self._administer("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        if peer.schema and peer.name not in self._templates:
            template = self._templates[peer.name] = f"template_{peer.adapter}"
            self._administer(f"CREATE DATABASE {template}")
            self._make_schema(peer, python, self._url(template))
        self._administer(f"CREATE DATABASE bench TEMPLATE {self._templates.get(peer.name, 'template1')}")

    def urls(self, peer: Peer) -> tuple[str, str]:
        return self._url("bench"), self._url("bench")

    def unsettled(self, peer: Peer) -> int:
        # One psql stays open: starting one for each look would cost as much as the look-out is for.
        if self._console is None:
            pipe = subprocess.PIPE
            command = self._server.console("bench")
            self._console = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
        assert self._console.stdin is not None
        assert self._console.stdout is not None
        found = 0
        for query in peer.unsettled:
            self._console.stdin.write(query + ";\n")
            self._console.stdin.flush()
            found += int(self._console.stdout.readline())
        return found

    def _make_schema(self, peer: Peer, python: Path, url: str) -> None:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(
                str(ROOT / "benchmarks" / part) for part in (f"adapters/{peer.adapter}", "side")
            ),
            "BENCH_BROKER": url,
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        }
        done = subprocess.run(peer.schema, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchFailed(f"{peer.name} could not make its tables: {done.stderr[-500:]}")

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._server.port}/{database}"

    def _administer(self, statement: str) -> None:
        command = [*self._server.console("postgres"), "-c", statement]
        subprocess.run(command, check=True, capture_output=True)

    def _close(self) -> None:
        if self._console is not None:
            self._console.communicate()  # the end of its input is the end of psql
            self._console = None


class RabbitStore(Store):
    """One private RabbitMQ; each measurement has a new virtual host. Its own tools take a second to answer."""

    is_exact = False

    def __init__(self, server: RabbitServer) -> None:
        self._server = server
        self._host = 0

    def reset(self, peer: Peer, python: Path) -> None:
        if self._host:
            self._server.control("delete_vhost", f"bench{self._host}")
        self._host += 1
        self._server.control("add_vhost", f"bench{self._host}")
        self._server.control("set_permissions", "-p", f"bench{self._host}", "guest", ".*", ".*", ".*")

    def urls(self, peer: Peer) -> tuple[str, str]:
        return f"amqp://guest:guest@127.0.0.1:{self._server.port}/bench{self._host}", "rpc://"

    def unsettled(self, peer: Peer) -> int:
        listed = self._server.control(
            "list_queues", "-p", f"bench{self._host}", "--no-table-headers", "name", "messages"
        )
        counts = dict(line.split("\t") for line in listed.splitlines() if "\t" in line)
        return sum(int(count) for name, count in counts.items() if name == peer.queue)


SERVERS: dict[str, type[Server]] = {"redis": RedisServer, "postgresql": PostgresServer, "rabbitmq": RabbitServer}


class Stores:
    """All stores, each started when it is first asked for, and ended with the block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, tuple[Store, Callable[[], None]]] = {}
        self._started = 0

    def __enter__(self) -> Stores:
        return self

    def __exit__(self, *error: object) -> None:
        self.end(*self._running)

    def check(self, name: str) -> None:
        """Raises `Missing` where the server of that store is not installed."""
        if name in SERVERS:
            find(SERVERS[name].program, SERVERS[name].package)

    def get(self, name: str) -> Store:
        """The store of that name."""
        if name not in self._running:
            self._running[name] = self._start(name)
        return self._running[name][0]

    def end(self, *names: str) -> None:
        """End those stores; what they hold is gone."""
        for name in names:
            if name in self._running:
                _, end = self._running.pop(name)
                end()

    def _start(self, name: str) -> tuple[Store, Callable[[], None]]:
        if name == "sqlite":
            file = SqliteStore()
            return file, file.end
        kinds: dict[str, Any] = {"redis": RedisStore, "postgresql": PostgresStore, "rabbitmq": RabbitStore}
        self._started += 1
        server = SERVERS[name](self._folder / f"{name}-{self._started}")
        return kinds[name](server), server.end
