"""Celery: what its users call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import tasks
from celery import chain, chord, group

WAIT = {"timeout": 300, "interval": 0.001}


def send(i: int) -> None:
    tasks.noop.delay(i)


def round_trip(i: int) -> None:
    assert tasks.echo.delay(i).get(**WAIT) == i


def send_eta(i: int, when: float) -> None:
    tasks.late.apply_async((i,), eta=datetime.fromtimestamp(when, UTC))


def send_payload(i: int, data: dict[str, Any]) -> None:
    tasks.payload.delay(i, data)


def send_pause(i: int, seconds: float) -> None:
    tasks.pause.delay(i, seconds)


def chord_run(n: int) -> None:
    header = group(tasks.inc.s(i) for i in range(n))
    assert chord(header)(tasks.total.s()).get(**WAIT) == n * (n - 1) // 2 + n


def group_run(n: int) -> None:
    assert len(group(tasks.inc.s(i) for i in range(n))().get(**WAIT)) == n


def chain_run(n: int) -> None:
    assert chain(tasks.inc.s(0), *[tasks.inc.s() for _ in range(n - 1)])().get(**WAIT) == n
