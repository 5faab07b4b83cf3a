"""KernelQ; broker and backend by URL. The same settings for every measure."""

from __future__ import annotations

import os
import time
from typing import Any

from kernelq import KernelQ, hookimpl
from marks import mark, mark_start

app = KernelQ(
    "bench",
    broker=os.environ["BENCH_BROKER"],
    backend=os.environ["BENCH_BACKEND"],
    task_ignore_result=os.environ["BENCH_RESULTS"] != "1",
    disable_plugins=os.environ.get("BENCH_DISABLE_PLUGINS", "").split(),
)


class EmptyHooks:
    """A plugin that listens to all of a run and does nothing."""

    @hookimpl
    def task_received(self) -> None: ...

    @hookimpl
    def task_prerun(self) -> None: ...

    @hookimpl
    def task_postrun(self) -> None: ...

    @hookimpl
    def task_success(self) -> None: ...


for number in range(int(os.environ.get("BENCH_EMPTY_PLUGINS", "0"))):
    app.register_plugin(type(f"EmptyHooks{number}", (EmptyHooks,), {})())  # a plugin is known by its class's name


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


@app.task
def marked_total(xs: list[int]) -> int:
    mark(0)
    return sum(xs)
