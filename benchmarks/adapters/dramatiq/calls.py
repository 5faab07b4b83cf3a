"""dramatiq: what its users call. Its group has a callback, which gets no results."""

from __future__ import annotations

import time
from typing import Any

import tasks
from dramatiq import group, pipeline

TIMEOUT = 300_000
"""Milliseconds."""


def send(i: int) -> None:
    tasks.noop.send(i)


def round_trip(i: int) -> None:
    assert tasks.echo.send(i).get_result(block=True, timeout=TIMEOUT) == i


def send_eta(i: int, when: float) -> None:
    tasks.late.send_with_options(args=(i,), delay=max(0, int((when - time.time()) * 1000)))


def send_payload(i: int, data: dict[str, Any]) -> None:
    tasks.payload.send(i, data)


def send_pause(i: int, seconds: float) -> None:
    tasks.pause.send(i, seconds)


def chord_run(n: int) -> None:
    header = group([tasks.inc.message(i) for i in range(n)])
    callback = tasks.total.message()
    header.add_completion_callback(callback)
    header.run()
    assert callback.get_result(block=True, timeout=TIMEOUT) == 1


def group_run(n: int) -> None:
    members = group([tasks.inc.message(i) for i in range(n)]).run()
    assert len(list(members.get_results(block=True, timeout=TIMEOUT))) == n


def chain_run(n: int) -> None:
    steps = pipeline([tasks.inc.message(0), *[tasks.inc.message() for _ in range(n - 1)]]).run()
    assert steps.get_result(block=True, timeout=TIMEOUT) == n
