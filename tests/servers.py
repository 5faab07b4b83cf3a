"""Private servers for tests: real ones, on free ports of loopback, with all they write in a folder that goes with them.

    with RedisServer(folder) as server:
        app = KernelQ(broker=server.url)

`kill` is SIGKILL, `start` after it goes on with what is on the disk, on the same port.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from glob import glob
from pathlib import Path
from typing import ClassVar, Self

import psutil
from ports import free_port

PATIENCE = 60.0
"""Seconds a server may take to start or stop; RabbitMQ on a busy machine takes twenty."""


class ServerMissing(RuntimeError):
    """The server's program is not on this machine."""


class Server(ABC):
    """One private server. A subclass says how it is started, and when it answers."""

    program: ClassVar[str]
    package: ClassVar[str]
    """The Debian package that brings it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    @abstractmethod
    def url(self) -> str:
        """Its broker URL."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """What starts it in the foreground."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves now."""

    def prepare(self) -> None:
        """Done once, before the first start."""

    def environment(self) -> Mapping[str, str]:
        """Variables for its process, beside ours."""
        return {}

    @property
    def user(self) -> str | None:
        """Who it runs as when we are root; None: as we do."""
        return None

    @property
    def log(self) -> str:
        """What it printed so far."""
        path = self.folder / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def start(self) -> Self:
        """Start it, again after `stop` or `kill`; returns once it answers."""
        if self.user is not None:
            give(self.folder, self.user)  # each time: another run of pytest makes its folders private again
        if not (self.folder / "prepared").exists():
            self.prepare()
            (self.folder / "prepared").touch()
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env=os.environ | self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self.user,
                start_new_session=True,
            )
        self._until(self.answers, "to answer")
        return self

    def stop(self) -> None:
        """Let it end by itself."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it and its children by SIGKILL; returns when none is left."""
        family = self._halted() if self._lives() else []
        for process in family:
            _signal(process, signal.SIGKILL)
        self._end(signal.SIGKILL)
        # PostgreSQL does not start again while one process still has the memory that all of them shared.
        self._until(lambda: all(map(_is_over, family)), "to end")

    def freeze(self) -> None:
        """Stop its processes; connections to it stay open and nothing answers. Returns when every thread stands."""
        family = self._halted()
        for process in family:
            _signal(process, signal.SIGSTOP)
        # A signal is only on its way when it was sent: on a busy machine a thread may still answer a request.
        self._until(lambda: all(map(stands, family)), "to stand still")

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        for process in self._family():
            _signal(process, signal.SIGCONT)

    def _family(self) -> list[psutil.Process]:
        # Not its process group: each connection of PostgreSQL has a process that leads a group of its own.
        main = psutil.Process(self.pid)
        return [main, *main.children(recursive=True)]

    def _halted(self) -> list[psutil.Process]:
        """Its processes, the first of which stands still: it would make another between the look and what is done."""
        main = psutil.Process(self.pid)
        _signal(main, signal.SIGSTOP)
        self._until(lambda: stands(main), "to stand still")
        return self._family()

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            Server.kill(self)

    def _lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _end(self, number: int) -> None:
        assert self._process is not None, "the server is not running"
        send = os.killpg if number == signal.SIGKILL else os.kill
        try:
            send(self._process.pid, number)
        except ProcessLookupError:
            pass  # it ended by itself
        self._process.wait(PATIENCE)
        self._process = None

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if self._process is not None and self._process.poll() is not None:
                raise RuntimeError(f"{self.program} ended at its start:\n{self.log[-4000:]}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited {PATIENCE:g} s for {self.program} {what}:\n{self.log[-4000:]}")
            time.sleep(0.02)

    def find(self, program: str) -> str:
        """The path of a program of this server; raises `ServerMissing`."""
        places = [
            os.environ.get("PATH", ""),
            "/usr/sbin",
            "/usr/local/sbin",
            *sorted(glob("/usr/lib/postgresql/*/bin")),
        ]
        found = shutil.which(program, path=os.pathsep.join(places))
        if found is None:
            raise ServerMissing(f"{program} is not installed; on Debian: apt-get install {self.package}")
        return found


class RedisServer(Server):
    """Redis, with every write on the disk before it is answered; `settings` are lines of its configuration."""

    program = "redis-server"
    package = "redis-server"

    def __init__(self, folder: Path, **settings: str) -> None:
        super().__init__(folder)
        self.settings = {"appendonly": "yes", "appendfsync": "always", "save": "", **settings}

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> Sequence[str]:
        settings = [part for name, value in self.settings.items() for part in (f"--{name.replace('_', '-')}", value)]
        return [self.find("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", *settings]

    def answers(self) -> bool:
        return exchange(self.port, b"PING\r\n").startswith(b"+PONG")


class RabbitServer(Server):
    """RabbitMQ with a node, a home and a port mapper of its own."""

    program = "rabbitmq-server"
    package = "rabbitmq-server"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._distribution = free_port()
        self._mapper = free_port()

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def prepare(self) -> None:
        (self.folder / "plugins").write_text("[].\n")
        (self.folder / "rabbitmq.conf").write_text("loopback_users = none\n")
        cookie = self.folder / ".erlang.cookie"
        cookie.write_text("KERNELQTESTS")
        cookie.chmod(0o400)

    def environment(self) -> Mapping[str, str]:
        return {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"kernelq{self.port}@localhost",
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
            # A node for tests: two schedulers that do not spin while idle, and few file handles.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
        }

    def command(self) -> Sequence[str]:
        return [self._script("rabbitmq-server")]

    def kill(self) -> None:
        """As of others, once RabbitMQ has written down which quorum queues it has.

        It does so half a second late, and never finds again one that was declared since: nobody could consume from it any more.
        """
        self.control("eval", "[dets:sync(Table) || Table <- dets:all()].")
        super().kill()

    def control(self, *arguments: str) -> str:
        """Run ``rabbitmqctl`` on this node; what it printed."""
        done = subprocess.run(
            [self._script("rabbitmqctl"), *arguments],
            env=os.environ | self.environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=5 * PATIENCE,  # a virtual machine starts each time
        )
        return done.stdout

    def answers(self) -> bool:
        return exchange(self.port, b"AMQP\x00\x00\x09\x01").startswith(b"\x01")

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        # The port mapper was started by the node and outlives it; its own way to end is refused while it remembers a node.
        for process in psutil.process_iter():
            try:
                if process.name() == "epmd" and process.environ().get("ERL_EPMD_PORT") == str(self._mapper):
                    process.kill()
            except psutil.Error:
                pass  # gone, or somebody else's

    def _script(self, name: str) -> str:
        # Debian's wrapper in PATH insists on a user of its own; the scripts behind it do not.
        inner = Path("/usr/lib/rabbitmq/bin") / name
        return str(inner) if inner.exists() else self.find(name)


class PostgresServer(Server):
    """PostgreSQL, which refuses to run as root: there it runs as ``postgres``."""

    program = "postgres"
    package = "postgresql"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def user(self) -> str | None:
        return "postgres" if os.geteuid() == 0 else None

    def prepare(self) -> None:
        arguments = ["-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            [self.find("initdb"), *arguments], cwd=self.folder, user=self.user, check=True, capture_output=True
        )

    def command(self) -> Sequence[str]:
        where = ["-D", "data", "-h", "127.0.0.1", "-p", str(self.port), "-k", str(self.folder)]
        return [self.find("postgres"), *where, "-c", "max_connections=300"]

    def answers(self) -> bool:
        ready = [self.find("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(ready, check=False).returncode == 0

    def stop(self) -> None:
        self._end(signal.SIGINT)  # "fast": does not wait for clients to leave

    def fresh(self, name: str) -> str:
        """The URL of a new empty database."""
        psql = [self.find("psql"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-c"]
        subprocess.run([*psql, f'CREATE DATABASE "{name}"'], check=True, capture_output=True)
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


class MariaServer(Server):
    """MariaDB, which speaks MySQL's protocol; root without a password."""

    program = "mariadbd"
    package = "mariadb-server"

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/kernelq"

    @property
    def user(self) -> str | None:
        return "mysql" if os.geteuid() == 0 else None

    def prepare(self) -> None:
        make = [
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={self.folder}/data",
            "--auth-root-authentication-method=normal",
        ]
        subprocess.run(
            [self.find(make[0]), *make[1:]],
            cwd=self.folder,
            env=os.environ | self.environment(),
            user=self.user,
            check=True,
            capture_output=True,
        )
        (self.folder / "first.sql").write_text(
            "CREATE DATABASE IF NOT EXISTS kernelq;\nCREATE USER IF NOT EXISTS 'root'@'127.0.0.1';\n"
            "GRANT ALL ON *.* TO 'root'@'127.0.0.1';\n"
        )

    def environment(self) -> Mapping[str, str]:
        return {"TMPDIR": str(self.folder)}  # the usual one may not let its user write

    def command(self) -> Sequence[str]:
        where = ["--no-defaults", f"--datadir={self.folder}/data", f"--socket={self.folder}/socket"]
        address = ["--bind-address=127.0.0.1", f"--port={self.port}", "--skip-name-resolve"]
        return [self.find("mariadbd"), *where, *address, f"--init-file={self.folder}/first.sql"]

    def answers(self) -> bool:
        return b"MariaDB" in exchange(self.port, b"")

    def fresh(self, name: str) -> str:
        """The URL of a new empty database."""
        client = [self.find("mariadb"), "--no-defaults", "-h", "127.0.0.1", "-P", str(self.port), "-u", "root", "-e"]
        subprocess.run([*client, f"CREATE DATABASE `{name}`"], check=True, capture_output=True)
        return f"mysql://root@127.0.0.1:{self.port}/{name}"


def give(folder: Path, user: str) -> None:
    """Let another user own a temporary folder, and pass through those above it: pytest's are for root alone."""
    temporary = Path(tempfile.gettempdir())
    for above in folder.parents:
        if temporary in above.parents:
            above.chmod(above.stat().st_mode | 0o055)
    os.chown(folder, pwd.getpwnam(user).pw_uid, -1)


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        pass  # it ended by itself, as PostgreSQL's helpers do now and then


def _is_over(process: psutil.Process) -> bool:
    """Whether a process has ended; whoever adopted it may take its time to reap it."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def stands(process: psutil.Process) -> bool:
    """Whether no thread of a process runs: each is stopped, or has ended."""
    try:
        threads = [path.read_text() for path in Path(f"/proc/{process.pid}/task").glob("*/stat")]
    except (FileNotFoundError, ProcessLookupError):
        return False  # a thread ended meanwhile: look again
    return all(thread.rpartition(")")[2].split()[0] in "TtZX" for thread in threads)


def exchange(port: int, request: bytes) -> bytes:
    """What a server on this port answers first; nothing when it does not answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1.0) as connection:
            connection.settimeout(1.0)
            connection.sendall(request)
            return connection.recv(1024)
    except OSError:
        return b""
