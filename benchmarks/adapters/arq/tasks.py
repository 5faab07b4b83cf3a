"""arq; its tasks are coroutines."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from arq.connections import RedisSettings
from marks import mark, mark_start

SETTINGS = RedisSettings.from_dsn(os.environ["BENCH_BROKER"])


async def noop(context: Any, i: int) -> int:
    mark(i)
    return 1


async def echo(context: Any, i: int) -> int:
    return i


async def late(context: Any, i: int) -> None:
    mark_start(i)


async def pause(context: Any, i: int, seconds: float) -> None:
    mark_start(i)
    await asyncio.sleep(seconds)


async def payload(context: Any, i: int, data: dict[str, Any]) -> None:
    mark(i)


class WorkerSettings:
    """What its command line reads."""

    functions = [noop, echo, late, pause, payload]
    redis_settings = SETTINGS
    max_jobs = 100
    poll_delay = float(os.environ.get("BENCH_ARQ_POLL", "0.5"))
    keep_result = 3600 if os.environ["BENCH_RESULTS"] == "1" else 0
    log_results = False


LOG = {"version": 1, "disable_existing_loggers": False, "loggers": {"arq": {"level": "WARNING"}}}
