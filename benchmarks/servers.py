"""Private servers: real ones, on free ports of loopback, with all they write in a folder that goes with them."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from glob import glob
from pathlib import Path
from typing import ClassVar

from .errors import BenchFailed, Missing

PATIENCE = 60.0
"""Seconds a server may take to start or stop."""


class Server(ABC):
    """One private server, started by making it."""

    program: ClassVar[str]
    package: ClassVar[str]
    """The Debian package that brings it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        folder.mkdir(parents=True)
        self.find(self.program)
        self.prepare()
        with (folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=folder,
                env=os.environ | self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self.user,
                start_new_session=True,
            )
        try:
            self._until(self.answers)
        except BenchFailed:
            self.end()
            raise

    @abstractmethod
    def command(self) -> Sequence[str]:
        """What starts it in the foreground."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves now."""

    def prepare(self) -> None:
        """Done once, before the start."""

    def environment(self) -> Mapping[str, str]:
        """Variables for its process, beside ours."""
        return {}

    @property
    def user(self) -> str | None:
        """Who it runs as when we are root; None: as we do."""
        return None

    def end(self) -> None:
        """End it and its children: what it holds is of no use afterwards."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it ended by itself
        self._process.wait(PATIENCE)

    def find(self, program: str) -> str:
        """The path of a program of this server; raises `Missing`."""
        return find(program, self.package)

    def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = (self.folder / "server.log").read_text(errors="replace")
                raise BenchFailed(f"{self.program} does not answer: {log[-1000:]}")
            time.sleep(0.02)


class RedisServer(Server):
    """Redis without persistence."""

    program = "redis-server"
    package = "redis-server"

    def command(self) -> Sequence[str]:
        return [
            self.find("redis-server"),
            *("--port", str(self.port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no", "--dir", str(self.folder)),
        ]

    def answers(self) -> bool:
        return exchange(self.port, b"PING\r\n").startswith(b"+PONG")


class PostgresServer(Server):
    """PostgreSQL as it comes (fsync and synchronous_commit on); it refuses to run as root, and runs as ``postgres`` there."""

    program = "postgres"
    package = "postgresql"

    @property
    def user(self) -> str | None:
        return "postgres" if os.geteuid() == 0 else None

    def prepare(self) -> None:
        if self.user is not None:
            self.folder.parent.chmod(0o755)
            os.chown(self.folder, pwd.getpwnam(self.user).pw_uid, -1)
        options = ["-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            [self.find("initdb"), *options], cwd=self.folder, user=self.user, check=True, capture_output=True
        )

    def command(self) -> Sequence[str]:
        where = ["-D", "data", "-h", "127.0.0.1", "-p", str(self.port), "-k", str(self.folder)]
        return [self.find("postgres"), *where, "-c", "max_connections=200"]

    def answers(self) -> bool:
        ready = [self.find("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(ready, check=False).returncode == 0

    def console(self, database: str) -> list[str]:
        """The command of a psql on one of its databases, for answers without decoration."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database]
        return [self.find("psql"), "-X", "-q", "-A", "-t", *where]


class RabbitServer(Server):
    """RabbitMQ with a node, a home and a port mapper of its own."""

    program = "rabbitmq-server"
    package = "rabbitmq-server"

    def __init__(self, folder: Path) -> None:
        self._distribution = free_port()
        self._mapper = free_port()
        super().__init__(folder)

    def prepare(self) -> None:
        (self.folder / "plugins").write_text("[].\n")
        cookie = self.folder / ".erlang.cookie"
        cookie.write_text("KERNELQBENCH")
        cookie.chmod(0o400)

    def environment(self) -> Mapping[str, str]:
        return {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"bench{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "ERL_EPMD_PORT": str(self._mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }

    def command(self) -> Sequence[str]:
        return [self._script("rabbitmq-server")]

    def answers(self) -> bool:
        return exchange(self.port, b"AMQP\x00\x00\x09\x01").startswith(b"\x01")

    def control(self, *arguments: str) -> str:
        """Run ``rabbitmqctl`` on this node; what it printed."""
        done = subprocess.run(
            [self._script("rabbitmqctl"), "-q", *arguments],
            env=os.environ | self.environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if done.returncode:
            raise BenchFailed(f"rabbitmqctl {' '.join(arguments)}: {done.stderr[-500:]}")
        return done.stdout

    def end(self) -> None:
        super().end()
        # The port mapper was started by the node and outlives it.
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "comm").read_text().strip() == "epmd" and f"ERL_EPMD_PORT={self._mapper}\0".encode() in (
                    process / "environ"
                ).read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:
                pass  # gone, or somebody else's

    def _script(self, name: str) -> str:
        # Debian's wrapper in PATH insists on a user of its own; the scripts behind it do not.
        inner = Path("/usr/lib/rabbitmq/bin") / name
        return str(inner) if inner.exists() else self.find(name)


def find(program: str, package: str) -> str:
    """The path of a server's program; raises `Missing` with the Debian package that brings it."""
    places = [os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", *sorted(glob("/usr/lib/postgresql/*/bin"))]
    found = shutil.which(program, path=os.pathsep.join(places))
    if found is None:
        raise Missing(f"{program} is not installed; on Debian: apt-get install {package}")
    return found


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def exchange(port: int, request: bytes) -> bytes:
    """What a server on this port answers first; nothing when it does not answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1.0) as connection:
            connection.settimeout(1.0)
            connection.sendall(request)
            return connection.recv(1024)
    except OSError:
        return b""
