"""The SQL engine's servers, as far as no server is needed: addresses, errors, clocks, bells."""

from __future__ import annotations

import sys
import threading
import time
from typing import NoReturn

import psycopg
import pymysql
import pytest
from kernelq import KernelQ
from kernelq.contracts import BrokerError, BrokerFull, BrokerRefused, BrokerUnavailable, ImproperlyConfigured
from kernelq.errors import DriverNotFound
from kernelq_plugins.engine_sql import mysql_errors, postgresql_errors
from kernelq_plugins.engine_sql.engine import SqlEngine
from kernelq_plugins.engine_sql.mysql import _judge as judge_mysql
from kernelq_plugins.engine_sql.mysql_bell import Bells
from kernelq_plugins.engine_sql.postgresql import _judge as judge_postgresql
from kernelq_plugins.engine_sql.postgresql_listener import Listener
from kernelq_plugins.engine_sql.server_address import ServerAddress
from kernelq_plugins.engine_sql.server_clock import ServerClock
from kernelq_plugins.engine_sql.server_dialect import Conflict

ADDRESS = ServerAddress.parse("postgresql://me:hush@db.example/shop", 5432)


@pytest.mark.parametrize(
    ("url", "identity"),
    [
        ("postgresql://me:hush@db.example/shop", "postgresql://db.example:5432/shop"),
        ("postgres://other@db.example:5432/shop?sslmode=require&timeout=2", "postgresql://db.example:5432/shop"),
        ("postgresql+psycopg://db.example/shop", "postgresql://db.example:5432/shop"),
        ("db+postgresql://me:hush@db.example/shop", "postgresql://db.example:5432/shop"),
        ("mysql://me:hush@db.example/shop", "mysql://db.example:3306/shop"),
        ("mariadb://db.example:3306/shop?ssl_ca=/ca.pem", "mysql://db.example:3306/shop"),
        ("mysql+pymysql://db.example/shop?pool_size=3", "mysql://db.example:3306/shop"),
    ],
)
def test_an_engine_is_its_host_port_and_database(url: str, identity: str) -> None:
    assert SqlEngine.canonical(url) == identity


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("postgresql://me:hush@host/shop?colour=red", "neither ours .* nor libpq's"),
        ("postgresql://me:hush@host/shop?timeout=soon", "timeout must be a number from 0.1"),
        ("postgresql://me:hush@host/shop?pool_size=0", "pool_size must be a number from 1"),
        ("postgresql://me:hush@host:port/shop", "expected a URL such as 'postgresql://user@host:5432/database'"),
        ("mysql://me:hush@host", "names no database; write mysql://user@host/database"),
        ("mysql://me:hush@host/shop?colour=red", "unknown option 'colour' .* expected one of: pool_size, ssl_ca"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url: str, advice: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=advice) as caught:
        SqlEngine.canonical(url)

    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(("scheme", "extra"), [("postgresql", "postgres"), ("mariadb", "mysql")])
def test_a_missing_library_is_named_with_the_extra_that_brings_it(
    scheme: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [
        name
        for name in sys.modules
        if name.startswith(("kernelq_plugins.engine_sql.postgresql", "kernelq_plugins.engine_sql.mysql"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setitem(sys.modules, "pymysql", None)

    with (
        KernelQ("proj", broker=f"{scheme}://host/shop", set_as_current=False) as app,
        pytest.raises(DriverNotFound, match=rf"pip install 'kernelq\[{extra}\]'"),
    ):
        _ = app.broker


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (psycopg.errors.DeadlockDetected("deadlock"), Conflict),
        (psycopg.errors.SerializationFailure("again"), Conflict),
        (psycopg.errors.DiskFull("no space left"), BrokerFull),
        (psycopg.errors.InsufficientPrivilege("permission denied for schema public"), BrokerRefused),
        (psycopg.errors.InvalidPassword("password authentication failed"), BrokerRefused),
        (psycopg.errors.QueryCanceled("statement timeout"), BrokerUnavailable),
        (psycopg.errors.ReadOnlySqlTransaction("read-only"), BrokerUnavailable),
        (psycopg.errors.AdminShutdown("terminating connection"), BrokerUnavailable),
        (
            psycopg.OperationalError('connection failed: FATAL:  password authentication failed for user "me"'),
            BrokerRefused,
        ),
        (psycopg.OperationalError("connection refused"), BrokerUnavailable),
        (psycopg.InterfaceError("the connection is lost"), BrokerUnavailable),
        (psycopg.errors.UndefinedColumn("no such column"), BrokerError),
        (psycopg.ProgrammingError("wrong"), BrokerError),
    ],
)
def test_every_error_of_postgresql_has_one_of_ours_that_names_the_server(error: psycopg.Error, ours: type) -> None:
    said = postgresql_errors.explain(error, ADDRESS)

    assert type(said) is ours
    assert "db.example:5432/shop" in str(said)
    assert "hush" not in str(said)


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (pymysql.OperationalError(1213, "Deadlock found"), Conflict),
        (pymysql.OperationalError(1205, "Lock wait timeout exceeded"), BrokerUnavailable),
        (pymysql.OperationalError(1021, "Disk full"), BrokerFull),
        (pymysql.InternalError(1030, 'Got error 28 (errno: 28 "No space left on device")'), BrokerFull),
        (pymysql.OperationalError(1045, "Access denied"), BrokerRefused),
        (pymysql.OperationalError(1049, "Unknown database"), BrokerRefused),
        (pymysql.OperationalError(1290, "running with --read-only"), BrokerUnavailable),
        (pymysql.OperationalError(2003, "Can't connect"), BrokerUnavailable),
        (pymysql.OperationalError(2013, "Lost connection"), BrokerUnavailable),
        (pymysql.InterfaceError("closed"), BrokerUnavailable),
        (pymysql.InterfaceError(0, ""), BrokerUnavailable),
        (pymysql.OperationalError(1153, "Got a packet bigger than 'max_allowed_packet' bytes"), BrokerError),
        (pymysql.DataError(1406, "Data too long"), BrokerError),
    ],
)
def test_every_error_of_mysql_has_one_of_ours_that_names_the_server(error: pymysql.Error, ours: type) -> None:
    said = mysql_errors.explain(error, ADDRESS)

    assert type(said) is ours
    assert "db.example:5432/shop" in str(said)


def test_a_servers_clock_goes_on_between_its_answers_whatever_ours_says(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ServerClock()
    assert clock.now() is None
    start, wall = time.monotonic(), time.time()
    monkeypatch.setattr(time, "monotonic", lambda: start)
    monkeypatch.setattr(time, "time", lambda: wall)

    clock.set(1_000.0)
    monkeypatch.setattr(time, "monotonic", lambda: start + 10)
    monkeypatch.setattr(time, "time", lambda: wall + 10)

    assert clock.now() == pytest.approx(1_010.0)
    assert clock.skew() == pytest.approx(1_000.0 - wall)


@pytest.mark.parametrize(("passed", "by_the_wall"), [(31.0, 31.0), (1.0, 600.0), (1.0, -3600.0)])
def test_an_old_answer_and_one_from_before_a_leap_are_asked_for_again(
    passed: float, by_the_wall: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, start, wall = ServerClock(), time.monotonic(), time.time()
    clock.set(1_000.0)

    monkeypatch.setattr(time, "monotonic", lambda: start + passed)
    monkeypatch.setattr(time, "time", lambda: wall + by_the_wall)

    assert clock.now() is None


@pytest.mark.parametrize(
    ("version", "is_refused"),
    [
        ("8.0.36", False),
        ("8.0.0", True),
        ("5.7.44-log", True),
        ("10.6.18-MariaDB", False),
        ("10.5.9-MariaDB-log", True),
    ],
)
def test_servers_without_skip_locked_are_refused(version: str, is_refused: bool) -> None:
    assert [finding.level for finding in judge_mysql(version, 1, 0)] == ["refused"] * is_refused


def test_an_old_unsafe_or_standby_postgresql_is_told() -> None:
    assert [finding.level for finding in judge_postgresql(15, "on", "on", False)] == []
    assert [finding.level for finding in judge_postgresql(11, "off", "off", True)] == ["refused"] * 2 + ["warning"] * 2


def test_bells_are_rung_while_others_are_made() -> None:
    bells, is_over, failed = Bells(), threading.Event(), list[BaseException]()

    def make() -> None:
        kept: list[object] = []
        while not is_over.is_set():
            kept.append(bells.bell("news"))
            if len(kept) > 50:
                kept.clear()

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns as often as can be
    maker = threading.Thread(target=make)
    maker.start()
    try:
        for _ in range(5000):
            bells.ring("other")
    except RuntimeError as error:
        failed.append(error)
    finally:
        is_over.set()
        maker.join()
        sys.setswitchinterval(usual)

    assert failed == []


def test_a_bell_that_only_looks_is_rung_by_its_own_process_and_on_its_channel_only() -> None:
    bells = Bells()
    bell, other = bells.bell("news"), bells.bell("weather")

    bells.ring("news")
    bells.ring("news")

    started = time.monotonic()
    assert bell.wait(60)
    assert bell.wait(60)  # nobody rang, but it looks by itself
    assert other.wait(60)
    assert time.monotonic() - started < 30


def test_a_listener_is_closed_while_its_thread_comes_to_its_end() -> None:
    def refuse() -> NoReturn:
        raise OSError("no server")

    listener = Listener(refuse, "nowhere")

    for _ in range(300):  # the thread sleeps between two tries, and wakes when it is told to end
        listener.ensure()
        listener.close()
