"""KernelQ: what its users call."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import tasks


def send(i: int) -> None:
    tasks.noop.delay(i)


def send_bulk(numbers: Iterable[int]) -> None:
    with tasks.app.bulk() as bulk:
        for i in numbers:
            bulk.delay(tasks.noop, i)


def send_bulk_later(numbers: Iterable[int]) -> None:
    with tasks.app.bulk() as bulk:
        for i in numbers:
            bulk.apply_async(tasks.noop, (i,), countdown=86_400)


def round_trip(i: int) -> None:
    assert tasks.echo.delay(i).get(timeout=30) == i


def send_eta(i: int, when: float) -> None:
    tasks.late.apply_async((i,), eta=datetime.fromtimestamp(when, UTC))


def send_payload(i: int, data: dict[str, Any]) -> None:
    tasks.payload.delay(i, data)


def send_pause(i: int, seconds: float) -> None:
    tasks.pause.delay(i, seconds)


try:
    from kernelq import chain, chord, group
except ImportError:  # the canvas is not there: its measures are left out
    pass
else:

    def chord_run(n: int) -> None:
        header = group(tasks.inc.s(i) for i in range(n))
        assert chord(header)(tasks.total.s()).get(timeout=300) == n * (n - 1) // 2 + n

    def wide_chord_run(n: int) -> None:
        header = (tasks.inc.s(i) for i in range(n))  # never held whole here
        assert chord(header, tasks.marked_total.s())().get(timeout=300) == n * (n - 1) // 2 + n

    def group_run(n: int) -> None:
        assert len(group(tasks.inc.s(i) for i in range(n))().get(timeout=300)) == n

    def chain_run(n: int) -> None:
        assert chain(tasks.inc.s(0), *[tasks.inc.s() for _ in range(n - 1)])().get(timeout=300) == n
