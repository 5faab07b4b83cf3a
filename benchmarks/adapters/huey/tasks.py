"""huey on Redis or SQLite, by the scheme of the URL."""

from __future__ import annotations

import os
import time
from typing import Any

from huey import Huey, RedisHuey
from huey.storage import SqliteStorage
from marks import mark, mark_start

BROKER = os.environ["BENCH_BROKER"]
RESULTS = os.environ["BENCH_RESULTS"] == "1"


class Storage(SqliteStorage):
    """The storage with the level of ``synchronous`` that KernelQ has by default.

    By itself huey takes SQLite's default, which waits for the disk at each commit, or 0 or 2, but never 1 (``normal``).
    """

    def _create_connection(self) -> Any:
        connection = super()._create_connection()
        connection.execute("PRAGMA synchronous = normal")
        return connection


if BROKER.startswith("sqlite:"):
    huey = Huey("bench", storage_class=Storage, filename=BROKER.removeprefix("sqlite:///"), results=RESULTS)
else:
    huey = RedisHuey("bench", url=BROKER, results=RESULTS, notify_result=os.environ.get("BENCH_NOTIFY") == "1")


@huey.task()
def noop(i: int) -> int:
    mark(i)
    return 1


@huey.task()
def echo(i: int) -> int:
    return i


@huey.task()
def late(i: int) -> None:
    mark_start(i)


@huey.task()
def pause(i: int, seconds: float) -> None:
    mark_start(i)
    time.sleep(seconds)


@huey.task()
def payload(i: int, data: dict[str, Any]) -> None:
    mark(i)


@huey.task()
def inc(x: int) -> int:
    return x + 1


@huey.task()
def total(xs: list[int]) -> int:
    return 1
