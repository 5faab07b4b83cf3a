"""A connection to PostgreSQL that does not wait for ever."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from .server_address import ServerAddress

_GRACE = 0.5
"""Seconds the server has to tell us that a statement took too long, before we take it for gone."""

_KEEPALIVES: dict[str, Any] = {
    "keepalives_idle": 5,  # seconds
    "keepalives_interval": 2,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}
"""A peer that vanished is noticed in about ten seconds. Source: PostgreSQL manual, libpq parameter key words."""

_IDLE_IN_TRANSACTION = 15
"""Seconds until the server ends the transaction of a process that was frozen in it, and with it its row locks."""

_PLANS = "-c enable_seqscan=off -c jit=off"
"""Every statement of ours has its index. Statistics taken while a queue was empty would say otherwise when it is full."""


class PatientConnection(Connection[Any]):
    """Gives up, and is closed, when the server answers nothing for `patience` seconds; None waits for ever.

    A frozen server, or a proxy whose far side is gone, goes on acknowledging our packets: neither keepalives
    nor the server's own time limit would end such a wait.
    """

    patience: float | None = None

    def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
        if self.patience is None:
            return super().wait(gen, *args, **options)
        try:
            return super().wait(_bounded(gen, self.patience), *args, **options)
        except Silence:
            self.pgconn.finish()
            raise


class Silence(psycopg.OperationalError):
    """The server said nothing in time."""


def _bounded(gen: Any, patience: float) -> Generator[Any, Any, Any]:
    deadline = time.monotonic() + patience
    state = next(gen, None)
    while state is not None:
        ready = yield state
        if not ready and time.monotonic() > deadline:
            raise Silence(f"no answer in {patience:g} s")
        try:
            state = gen.send(ready)
        except StopIteration as end:
            return end.value
    return None


def connect(address: ServerAddress, connect_timeout: float) -> PatientConnection:
    """A new connection in autocommit mode, with the time limits of `address` set."""
    made: PatientConnection = PatientConnection.connect(
        _conninfo(address, connect_timeout), autocommit=True, prepare_threshold=3
    )
    made.patience = address.timeout + _GRACE
    return made


def _conninfo(address: ServerAddress, connect_timeout: float) -> str:
    given = dict(address.options)
    limits = (
        f"-c statement_timeout={address.timeout * 1000:.0f} "
        f"-c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION * 1000} "
        f"-c default_transaction_isolation=read\\ committed {_PLANS} {given.pop('options', '')}"
    )
    values: dict[str, Any] = {
        **_KEEPALIVES,
        "application_name": "kernelq",
        "connect_timeout": max(2, round(connect_timeout)),  # libpq takes 1 for 2
        **given,
        "options": limits,
        "host": address.host,
        "port": address.port,
        "dbname": address.database,
        "user": address.user,
        "password": address.password,
    }
    return make_conninfo("", **{name: value for name, value in values.items() if value is not None})
