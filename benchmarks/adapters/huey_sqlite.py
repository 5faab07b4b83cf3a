"""huey on SQLite, by its own `SqliteStorage`."""

from __future__ import annotations

import os
from typing import Any

from huey import Huey
from huey.storage import SqliteStorage
from marks import mark

_SYNCHRONOUS = os.environ["BENCH_SYNCHRONOUS"]


class Storage(SqliteStorage):
    """The storage with the level of `synchronous` that the run asks for.

    By itself huey takes SQLite's default, which waits for the disk at each commit, or 0 or 2, but never 1 (``normal``).
    """

    def _create_connection(self) -> Any:
        connection = super()._create_connection()
        if _SYNCHRONOUS != "shipped":
            connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS}")
        return connection


huey = Huey(
    "bench", storage_class=Storage, filename=os.environ["BENCH_STORE"], results=os.environ["BENCH_RESULTS"] == "1"
)


@huey.task()
def noop(i: int) -> int:
    mark(i)
    return 1


@huey.task()
def echo(i: int) -> int:
    return i


def send(i: int) -> None:
    noop(i)


def round_trip(i: int) -> None:
    # Looks every millisecond; huey's own default begins at 100 ms.
    assert echo(i).get(blocking=True, timeout=30, backoff=1.0, max_delay=0.001) == i
