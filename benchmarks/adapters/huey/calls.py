"""huey: what its users call."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import tasks
from huey.api import chord

WAIT = {"blocking": True, "timeout": 300, "backoff": 1.0, "max_delay": 0.001}
"""Looks every millisecond where nothing notifies it; its own default begins at 100 ms."""


def send(i: int) -> None:
    tasks.noop(i)


def round_trip(i: int) -> None:
    assert tasks.echo(i).get(**WAIT) == i


def send_eta(i: int, when: float) -> None:
    tasks.late.schedule((i,), eta=datetime.fromtimestamp(when))


def send_payload(i: int, data: dict[str, Any]) -> None:
    tasks.payload(i, data)


def send_pause(i: int, seconds: float) -> None:
    tasks.pause(i, seconds)


def chord_run(n: int) -> None:
    assert tasks.huey.enqueue(chord([tasks.inc.s(i) for i in range(n)], tasks.total.s())).get(**WAIT) == 1


def chain_run(n: int) -> None:
    steps = tasks.inc.s(0)
    for _ in range(n - 1):
        steps = steps.then(tasks.inc)
    assert tasks.huey.enqueue(steps).get(**WAIT)[-1] == n
