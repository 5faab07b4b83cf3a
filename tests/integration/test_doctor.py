"""``kernelq doctor``: what it finds on every engine, what it says when something is wrong, and that it leaves nothing."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kernelq import KernelQ, command_line, hookimpl
from kernelq.contracts import Broker, Finding, QueueStats
from kernelq_plugins.doctor.address import addresses, check_addresses
from ports import free_port
from servers import MariaServer, PostgresServer, RabbitServer, RedisServer

ENGINES = ["sqlite", "redis", "amqp", "postgresql", "mysql"]

BASIC = ["broker", "abilities", "delivery", "round trips"]
"""Checks that every engine has."""


@dataclass(frozen=True)
class Report:
    """What the command printed, and its exit code."""

    code: int
    text: str

    @property
    def checks(self) -> list[dict[str, str]]:
        """The checks, of a run with ``--json``."""
        found: list[dict[str, str]] = json.loads(self.text)["checks"]
        return found

    def one(self, level: str) -> dict[str, str]:
        """The one check of this level."""
        (found,) = [check for check in self.checks if check["level"] == level]
        return found


Doctor = Callable[..., Report]


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Doctor:
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*line: str, app: KernelQ | None = None) -> Report:
        with pytest.raises(SystemExit) as end:
            command_line(["doctor", *line], app=app)
        code = end.value.code
        assert isinstance(code, int)
        said = capsys.readouterr()
        return Report(code, said.out or said.err)

    return run


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of each engine in turn."""
    match request.param:
        case "redis":
            redis: RedisServer = request.getfixturevalue("redis_server")
            return redis.url
        case "amqp":
            rabbit: RabbitServer = request.getfixturevalue("rabbit_server")
            return rabbit.url
        case "postgresql":
            postgres: PostgresServer = request.getfixturevalue("postgres_server")
            return postgres.fresh("doctor_" + tmp_path.name)
        case "mysql":
            maria: MariaServer = request.getfixturevalue("maria_server")
            return maria.fresh("doctor_" + tmp_path.name)
    return f"sqlite:///{tmp_path}/queue.sqlite3"


@pytest.fixture
def silent() -> Iterator[int]:
    """A port where connections are made and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        yield port


def test_an_engine_that_works_is_found_well_and_left_as_it_was(url: str, doctor: Doctor) -> None:
    with KernelQ("mine", broker=url, set_as_current=False) as app:
        app.broker.purge("mine")
        app.send_task("t", queue="mine")
        before = _holding(app)

        report = doctor(url, "--json")

        after = _holding(app)
        app.broker.purge("mine")
    assert report.code == 0, report.text
    assert {check["name"] for check in report.checks} >= set(BASIC)
    assert {check["level"] for check in report.checks} <= {"ok", "warning"}
    assert after == before


def _holding(app: KernelQ) -> list[QueueStats]:
    """The queues that hold something."""
    return [stats for stats in app.broker.queues() if stats.ready + stats.delayed + stats.running + stats.dead]


def test_what_the_engine_declares_is_tried(doctor: Doctor) -> None:
    names = [check["name"] for check in doctor("sqlite:///queue.sqlite3", "--json").checks]

    assert names == [
        "broker", "abilities", "delivery", "priorities", "delay", "lease", "round trips", "results", "waiting",
    ]  # fmt: skip


def test_a_backend_elsewhere_is_checked_too(doctor: Doctor) -> None:
    report = doctor("sqlite:///queue.sqlite3", "--backend", "sqlite:///results.sqlite3", "--json")

    assert "sqlite:///results.sqlite3" in [check["what"] for check in report.checks]
    assert Path("results.sqlite3").exists()


def test_results_that_are_sent_to_who_asked_are_checked_too(doctor: Doctor, rabbit_server: RabbitServer) -> None:
    report = doctor(rabbit_server.url, "--backend", "rpc://", "--json")

    assert report.code == 0, report.text
    assert {"results", "waiting"} <= {check["name"] for check in report.checks}


def test_behind_a_pipe_each_check_is_one_plain_line(doctor: Doctor) -> None:
    lines = doctor("sqlite:///queue.sqlite3").text.splitlines()

    assert lines[0] == "ok       broker        sqlite:///queue.sqlite3"
    assert lines[-1] == "all is well"


def test_the_app_that_was_named_is_checked(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "doctored.py").write_text("from kernelq import KernelQ\napp = KernelQ(broker='memory://')\n")

    report = doctor("-A", "doctored", "--json")

    sys.modules.pop("doctored", None)
    assert report.checks[0]["what"] == "memory://"


# --- what is wrong


@pytest.mark.parametrize("scheme", [engine for engine in ENGINES if engine != "sqlite"])
def test_a_port_where_nothing_listens_is_said(scheme: str, doctor: Doctor) -> None:
    port = free_port()

    report = doctor(f"{scheme}://127.0.0.1:{port}/1", "--json")

    assert report.code == 2
    assert report.one("failed")["what"] == f"nothing listens on 127.0.0.1:{port}"
    assert "start the server" in report.one("failed")["advice"]


@pytest.mark.parametrize("scheme", [engine for engine in ENGINES if engine != "sqlite"])
def test_a_server_that_never_answers_is_given_up_on(
    scheme: str, silent: int, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERNELQ_BROKER_CONNECTION_TIMEOUT", "0.5")

    report = doctor(f"{scheme}://user:secret@127.0.0.1:{silent}/1", "--json")

    assert report.code == 2
    assert f"127.0.0.1:{silent}" in report.one("failed")["what"]
    assert "secret" not in report.text


def test_a_host_that_drops_packets_is_given_up_on(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELQ_BROKER_CONNECTION_TIMEOUT", "0.3")
    with socket.socket() as full:
        # Once the queue of a socket that accepts nobody is full, Linux drops what else knocks.
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            report = doctor(f"redis://127.0.0.1:{port}", "--json")

    assert report.one("failed")["what"] == f"no answer from 127.0.0.1:{port} in 0.3 s"
    assert "firewall" in report.one("failed")["advice"]


def test_a_name_that_nobody_knows_is_said(doctor: Doctor) -> None:
    report = doctor("redis://no-such-host.invalid", "--json")

    assert "the name 'no-such-host.invalid' cannot be resolved" in report.one("failed")["what"]


def test_a_user_that_redis_does_not_know_is_said(doctor: Doctor, redis_server: RedisServer) -> None:
    _assert_refused(doctor(f"redis://nobody:wrong@127.0.0.1:{redis_server.port}/0", "--json"))


def test_a_wrong_password_of_rabbitmq_is_said(doctor: Doctor, rabbit_server: RabbitServer) -> None:
    _assert_refused(doctor(f"amqp://guest:wrong@127.0.0.1:{rabbit_server.port}//", "--json"))


def test_a_user_that_postgresql_does_not_know_is_said(doctor: Doctor, postgres_server: PostgresServer) -> None:
    _assert_refused(doctor(f"postgresql://nobody:wrong@127.0.0.1:{postgres_server.port}/postgres", "--json"))


def test_a_user_that_mariadb_does_not_know_is_said(doctor: Doctor, maria_server: MariaServer) -> None:
    _assert_refused(doctor(f"mysql://nobody:wrong@127.0.0.1:{maria_server.port}/kernelq", "--json"))


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("redis://localhost/1", [("localhost", 6379)]),
        ("rediss://user:p,@;w@far:7000/0", [("far", 7000)]),
        ("sentinel://a;sentinel://b:26380/0?master=m", [("a", 26379), ("b", 26380)]),
        ("redis+cluster://a:7000,b", [("a", 7000), ("b", 6379)]),
        ("amqp://guest@a//;amqp://guest@b:5673//", [("a", 5672), ("b", 5673)]),
        ("mysql+pymysql://[::1]/name", [("::1", 3306)]),
        ("db+postgresql://h/name", [("h", 5432)]),
        ("sqlite:////var/queue.sqlite3", []),
        ("unix:///run/redis", []),
        ("memory://", []),
    ],
)
def test_every_address_of_a_url_is_found(url: str, found: list[tuple[str, int]]) -> None:
    assert addresses(url) == found


def test_of_several_servers_one_is_enough(silent: int) -> None:
    url = f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{silent}"

    assert [check.level for check in check_addresses(url, 1.0)] == ["warning", "ok"]


def _assert_refused(report: Report) -> None:
    assert report.code == 2
    assert "check user, password" in report.one("failed")["advice"]
    assert "wrong" not in report.text


@pytest.mark.parametrize(
    ("url", "what", "advice"),
    [
        ("localhost", "expected a URL such as redis://localhost, got 'localhost'", ""),
        ("sqlitee:///queue.sqlite3", "no broker driver for 'sqlitee'", "did you mean sqlite://?"),
        ("redis://localhost:port", "expected host and port in 'redis://localhost:port'", ""),
    ],
)
def test_a_url_that_cannot_be_used_is_said(url: str, what: str, advice: str, doctor: Doctor) -> None:
    report = doctor(url, "--json")

    assert what in report.one("failed")["what"]
    assert report.one("failed")["advice"] == advice


def test_a_port_that_is_no_number_is_said_when_the_engine_does_not() -> None:
    (check,) = check_addresses("file://host:port/queue", 1.0)

    assert check.what.startswith("no usable port")


@pytest.mark.parametrize(
    ("library", "url", "extra"),
    [
        ("redis", "redis://localhost", "redis"),
        ("pika", "amqp://localhost", "amqp"),
        ("psycopg", "postgresql://localhost/name", "postgres"),
        ("pymysql", "mysql://localhost/name", "mysql"),
    ],
)
def test_a_missing_library_is_named_with_what_to_install(library: str, url: str, extra: str) -> None:
    # None is Python's way to say that a module cannot be imported.
    program = f"import sys; sys.modules[{library!r}] = None; from kernelq import command_line; command_line()"

    run = subprocess.run(
        [sys.executable, "-c", program, "doctor", url], capture_output=True, text=True, timeout=60, check=False
    )

    assert run.returncode == 2
    assert f"pip install 'kernelq[{extra}]'" in run.stdout


def test_what_the_engine_finds_in_its_settings_is_told(doctor: Doctor) -> None:
    app = _app_with(
        lambda broker: [Finding("warning", "it forgets", "tell it not to"), Finding("refused", "it is full")]
    )

    report = doctor("--json", app=app)

    settings = [check for check in report.checks if check["name"] == "settings"]
    assert [check["level"] for check in settings] == ["warning", "failed"]
    assert settings[0]["advice"] == "tell it not to"
    assert report.code == 2


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--strict"], 1)])
def test_a_warning_counts_only_if_asked_to(options: list[str], code: int, doctor: Doctor) -> None:
    assert doctor("memory://", *options).code == code


def test_nothing_more_is_tried_with_a_broker_that_loses_messages(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kernelq_plugins.broker_memory.broker import MemoryBroker

    monkeypatch.setattr("kernelq_plugins.doctor.broker_probe.PATIENCE", 0.1)
    monkeypatch.setattr(MemoryBroker, "publish", lambda self, messages: None)

    report = doctor("memory://", "--json")

    assert report.one("failed")["name"] == "delivery"
    assert "round trips" not in {check["name"] for check in report.checks}


def test_the_queue_is_emptied_when_a_check_fails(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    from kernelq_plugins.doctor.broker_probe import BrokerProbe

    monkeypatch.setattr(BrokerProbe, "_acknowledge", lambda self, deliveries: deliveries)

    report = doctor("sqlite:///queue.sqlite3", "--json")

    assert report.code == 2
    with KernelQ("after", broker="sqlite:///queue.sqlite3", set_as_current=False) as app:
        assert app.broker.queues() == []


def _app_with(examine: Callable[[Broker], list[Finding]]) -> KernelQ:
    """An app whose broker, in memory, finds what `examine` says."""
    from kernelq_plugins.broker_memory.broker import MemoryBroker

    class Examined(MemoryBroker):
        def examine(self) -> list[Finding]:
            return examine(self)

    class Plugin:
        @hookimpl
        def make_broker(self, app: KernelQ, url: str) -> Any:
            return Examined(app, url)

    app = KernelQ("examined", broker="memory://", set_as_current=False)
    app.register_plugin(Plugin())
    return app
