"""rq; results live an hour, or not at all."""

from __future__ import annotations

import os
import time
from typing import Any

from marks import mark, mark_start
from redis import Redis
from rq import Queue

TTL = 3600 if os.environ["BENCH_RESULTS"] == "1" else 0
queue = Queue("default", connection=Redis.from_url(os.environ["BENCH_BROKER"]))


def noop(i: int) -> int:
    mark(i)
    return 1


def echo(i: int) -> int:
    return i


def late(i: int) -> None:
    mark_start(i)


def pause(i: int, seconds: float) -> None:
    mark_start(i)
    time.sleep(seconds)


def payload(i: int, data: dict[str, Any]) -> None:
    mark(i)


def inc(x: int) -> int:
    return x + 1


def total() -> int:
    return 1
