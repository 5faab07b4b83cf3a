"""KernelQ on SQLite: broker and results in one file."""

from __future__ import annotations

import os
from collections.abc import Iterable

from kernelq import KernelQ
from marks import mark

_SYNCHRONOUS = os.environ["BENCH_SYNCHRONOUS"]
_URL = f"sqlite:///{os.environ['BENCH_STORE']}" + ("" if _SYNCHRONOUS == "shipped" else f"?synchronous={_SYNCHRONOUS}")

app = KernelQ("bench", broker=_URL, backend=_URL, task_ignore_result=os.environ["BENCH_RESULTS"] != "1")


@app.task
def noop(i: int) -> int:
    mark(i)
    return 1


@app.task
def echo(i: int) -> int:
    return i


def send(i: int) -> None:
    noop.delay(i)


def send_many(numbers: Iterable[int]) -> None:
    # Not a public call yet: what it will be made of.
    publisher = app.publisher
    publisher.publish([publisher.message(noop, noop.name, (i,), {}, {}) for i in numbers])


def round_trip(i: int) -> None:
    assert echo.delay(i).get(timeout=30) == i
