"""arq: what its users call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import tasks
from arq import create_pool

ASYNC = True
pool: Any = None


async def setup() -> None:
    global pool
    pool = await create_pool(tasks.SETTINGS)


async def send(i: int) -> None:
    await pool.enqueue_job("noop", i)


async def round_trip(i: int) -> None:
    job = await pool.enqueue_job("echo", i)
    assert await job.result(timeout=30, poll_delay=0.001) == i


async def send_eta(i: int, when: float) -> None:
    await pool.enqueue_job("late", i, _defer_until=datetime.fromtimestamp(when, UTC))


async def send_payload(i: int, data: dict[str, Any]) -> None:
    await pool.enqueue_job("payload", i, data)


async def send_pause(i: int, seconds: float) -> None:
    await pool.enqueue_job("pause", i, seconds)
