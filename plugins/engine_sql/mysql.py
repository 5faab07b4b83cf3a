"""`MysqlEngine`: one database of a MySQL (8.0.1 or later) or MariaDB (10.6 or later) server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymysql
from kernelq.contracts import BrokerUnavailable, Finding, ImproperlyConfigured
from kernelq.errors import KernelQError
from pymysql.constants.SERVER_STATUS import SERVER_STATUS_IN_TRANS
from sqlalchemy import Connection, text

from .contract import Wakeup
from .mysql_bell import Bells
from .mysql_errors import ENDED, explain
from .server import ServerEngine, raw_of
from .server_address import ServerAddress
from .sessions import ring_after

_OLDEST = {"MySQL": (8, 0, 1), "MariaDB": (10, 6)}
"""SKIP LOCKED came with these."""

_OPTIONS = frozenset({"unix_socket", "ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_cert", "ssl_verify_identity"})

_TIME = "SELECT UNIX_TIMESTAMP(SYSDATE(6))"

_SESSION = (
    # Only rows that are found are locked, not the gaps between them; and long texts are refused, not cut.
    "SET SESSION transaction_isolation = 'READ-COMMITTED', sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', "
    "innodb_lock_wait_timeout = {wait}",
    "SET SESSION tx_isolation = 'READ-COMMITTED', sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', "
    "innodb_lock_wait_timeout = {wait}, max_statement_time = {time}, idle_transaction_timeout = 15",
)
"""For MySQL, for MariaDB. The last one ends the transaction of a process that was frozen in it, and with it its row locks."""

_GRACE = 1.0
"""Seconds the server has to tell us that a statement took too long, before we take it for gone."""

_IDENTITY = text("SELECT @@hostname, @@port, @@datadir, DATABASE()")


class MysqlEngine(ServerEngine):
    """See the plugin's manual page for what it guarantees."""

    dialect = "mysql"
    foreign_errors = (pymysql.Error, OSError)

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._bells = Bells()

    @classmethod
    def parse(cls, url: str) -> ServerAddress:
        address = ServerAddress.parse(url, 3306)
        if address.database is None:
            raise ImproperlyConfigured(
                f"the URL of MySQL at {address.place} names no database; write mysql://user@host/database"
            )
        unknown = sorted(address.options.keys() - _OPTIONS - {"charset"})
        if unknown:
            raise ImproperlyConfigured(
                f"unknown option {unknown[0]!r} in the URL of MySQL at {address.place}; "
                f"expected one of: {', '.join(sorted(_OPTIONS | {'pool_size', 'timeout'}))}"
            )
        return address

    def connect(self) -> pymysql.Connection[Any]:
        address = self.address
        options = {name: value for name, value in address.options.items() if name in _OPTIONS}
        raw = pymysql.connect(
            host=address.host or "localhost",
            port=address.port,
            user=address.user,
            password=address.password or "",
            database=address.database,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=max(1, round(self.connect_timeout)),
            # A frozen server goes on acknowledging our packets: only this ends such a wait.
            read_timeout=address.timeout + _GRACE,
            write_timeout=address.timeout + _GRACE,
            **options,
        )
        try:
            self._set_up(raw)
        except BaseException:  # it goes on; a connection half set up must not stay open
            raw.close()
            raise
        return raw

    def _set_up(self, raw: pymysql.Connection[Any]) -> None:
        statement = _SESSION["MariaDB" in raw.get_server_info()]
        with raw.cursor() as cursor:
            cursor.execute(statement.format(wait=max(1, int(self.address.timeout)), time=self.address.timeout))

    def start(self, raw: pymysql.Connection[Any]) -> float:
        raw.begin()
        return self.ask_time(raw)

    def ask_time(self, raw: pymysql.Connection[Any]) -> float:
        with raw.cursor() as cursor:
            cursor.execute(_TIME)
            (now,) = cursor.fetchone()
        return float(now)

    def commit(self, raw: pymysql.Connection[Any], channels: set[str]) -> None:
        raw.commit()
        for channel in channels:
            self._bells.ring(channel)

    def is_stale(self, raw: pymysql.Connection[Any], error: Exception) -> bool:
        is_ended = not raw.open or (error.args and error.args[0] in ENDED)
        return bool(is_ended) and "timed out" not in str(error)

    def can_roll_back(self, raw: pymysql.Connection[Any], error: BaseException) -> bool:
        # After anything else, such as an interrupt, half an answer may wait to be read in place of the next one.
        return raw.open and isinstance(error, pymysql.Error | KernelQError)

    def survives(self, raw: pymysql.Connection[Any], error: BaseException) -> bool:
        in_transaction = raw.server_status & SERVER_STATUS_IN_TRANS
        return self.can_roll_back(raw, error) and not in_transaction

    def explain(self, error: Exception) -> Exception:
        return explain(error, self.address)

    def sqlalchemy_url(self) -> str:
        return "mysql+pymysql://"

    def listen(self, channel: str) -> Wakeup:
        return self._bells.bell(channel)

    def notify_within(self, session: Any, connection: Connection, channel: str) -> None:
        ring_after(session, lambda: self._bells.ring(channel))

    @contextmanager
    def schema_lock(self, connection: Connection) -> Iterator[None]:
        # A lock by name, for each CREATE TABLE commits by itself.
        raw = raw_of(connection)
        name = f"kernelq {self.address.database}"[:64]
        with raw.cursor() as cursor:
            cursor.execute("SELECT GET_LOCK(%s, %s)", (name, int(self.address.timeout)))
            (is_locked,) = cursor.fetchone()
            if not is_locked:
                raise BrokerUnavailable(f"another process has been making the tables of {self.address.place} for long")
            try:
                yield
            finally:
                cursor.execute("SELECT RELEASE_LOCK(%s)", (name,))

    def identity(self, connection: Connection) -> object:
        host, port, folder, database = connection.execute(_IDENTITY).one()
        return f"{database} of {host}:{port} in {folder}"

    def forget_connections(self) -> None:
        self._bells = Bells()
        super().forget_connections()

    def look_around(self) -> list[Finding]:
        with self.read() as connection:
            found = connection.execute(text("SELECT VERSION(), @@innodb_flush_log_at_trx_commit, @@read_only")).one()
        return list(_judge(*found))


def _judge(version: str, flush: int, is_read_only: int) -> Iterator[Finding]:
    product = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    oldest = _OLDEST[product]
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    if numbers < oldest:
        expected = ".".join(str(number) for number in oldest)
        yield Finding(
            "refused",
            f"{product} {version} knows no SKIP LOCKED",
            f"workers would wait for each other; expected {expected} or later: upgrade the server",
        )
    if is_read_only:
        yield Finding("warning", "read_only is on", "a replica takes no messages; give the URL of the primary")
    if int(flush) != 1:
        yield Finding(
            "warning",
            f"innodb_flush_log_at_trx_commit is {flush}",
            "a power cut may take back the last second of accepted messages; set it to 1",
        )
