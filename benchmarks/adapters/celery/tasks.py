"""Celery; broker by URL. Acknowledges late unless told otherwise, as KernelQ does."""

from __future__ import annotations

import os
import time
from typing import Any

from celery import Celery
from marks import mark, mark_start

RESULTS = os.environ["BENCH_RESULTS"] == "1"

app = Celery("bench", broker=os.environ["BENCH_BROKER"], backend=os.environ["BENCH_BACKEND"])
app.conf.update(
    task_ignore_result=not RESULTS,
    task_acks_late=os.environ.get("BENCH_ACKS_LATE", "1") == "1",
    worker_prefetch_multiplier=128,
    worker_send_task_events=False,
    task_send_sent_event=False,
    broker_connection_retry_on_startup=True,
    worker_disable_rate_limits=True,
    worker_redirect_stdouts=False,
    result_expires=3600,
)


@app.task
def noop(i: int) -> int:
    mark(i)
    return 1


@app.task
def echo(i: int) -> int:
    return i


@app.task
def late(i: int) -> None:
    mark_start(i)


@app.task
def pause(i: int, seconds: float) -> None:
    mark_start(i)
    time.sleep(seconds)


@app.task
def payload(i: int, data: dict[str, Any]) -> int:
    mark(i)
    return len(data)


@app.task
def inc(x: int) -> int:
    return x + 1


@app.task
def total(xs: list[int]) -> int:
    return sum(xs)
