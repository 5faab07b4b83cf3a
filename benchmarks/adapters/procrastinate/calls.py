"""procrastinate: what its users call."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

os.environ["BENCH_CLIENT"] = "1"  # the tasks' module asks for it

import tasks


def setup() -> None:
    tasks.app.open()


def close() -> None:
    tasks.app.close()


def send(i: int) -> None:
    tasks.noop.defer(i=i)


def send_bulk(numbers: Iterable[int]) -> None:
    tasks.noop.batch_defer(*[{"i": i} for i in numbers])


def send_eta(i: int, when: float) -> None:
    tasks.late.configure(schedule_at=datetime.fromtimestamp(when, UTC)).defer(i=i)


def send_payload(i: int, data: dict[str, Any]) -> None:
    tasks.payload.defer(i=i, data=data)


def send_pause(i: int, seconds: float) -> None:
    tasks.pause.defer(i=i, seconds=seconds)
