"""procrastinate; its tasks are coroutines, its client is synchronous."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import procrastinate
from marks import mark, mark_start

BROKER = os.environ["BENCH_BROKER"]

if os.environ.get("BENCH_CLIENT") == "1":
    app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=BROKER))
else:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=BROKER))


@app.task(name="noop")
async def noop(i: int) -> None:
    mark(i)


@app.task(name="late")
async def late(i: int) -> None:
    mark_start(i)


@app.task(name="pause")
async def pause(i: int, seconds: float) -> None:
    mark_start(i)
    await asyncio.sleep(seconds)


@app.task(name="payload")
async def payload(i: int, data: dict[str, Any]) -> None:
    mark(i)
