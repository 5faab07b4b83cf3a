"""rq: what its users call. A chain is jobs that depend on one another; they get no results."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import tasks
from rq import Queue

TIMEOUT = 300


def send(i: int) -> None:
    tasks.queue.enqueue(tasks.noop, i, result_ttl=tasks.TTL)


def send_bulk(numbers: Iterable[int]) -> None:
    tasks.queue.enqueue_many([Queue.prepare_data(tasks.noop, (i,), result_ttl=tasks.TTL) for i in numbers])


def round_trip(i: int) -> None:
    job = tasks.queue.enqueue(tasks.echo, i, result_ttl=60)
    assert job.latest_result(timeout=TIMEOUT).return_value == i


def send_eta(i: int, when: float) -> None:
    tasks.queue.enqueue_at(datetime.fromtimestamp(when, UTC), tasks.late, i, result_ttl=0)


def send_payload(i: int, data: dict[str, Any]) -> None:
    tasks.queue.enqueue(tasks.payload, i, data, result_ttl=0)


def send_pause(i: int, seconds: float) -> None:
    tasks.queue.enqueue(tasks.pause, i, seconds, result_ttl=0)


def chord_run(n: int) -> None:
    jobs = tasks.queue.enqueue_many([Queue.prepare_data(tasks.inc, (i,), result_ttl=600) for i in range(n)])
    last = tasks.queue.enqueue(tasks.total, depends_on=jobs, result_ttl=600)
    assert last.latest_result(timeout=TIMEOUT).return_value == 1


def chain_run(n: int) -> None:
    job = None
    for i in range(n):
        job = tasks.queue.enqueue(tasks.inc, i, depends_on=job, result_ttl=600)
    assert job.latest_result(timeout=TIMEOUT) is not None
