"""taskiq on Redis streams, which acknowledge; its tasks are coroutines."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from marks import mark, mark_start
from taskiq import TaskiqScheduler
from taskiq_redis import ListRedisScheduleSource, RedisAsyncResultBackend, RedisStreamBroker

BROKER = os.environ["BENCH_BROKER"]

broker = RedisStreamBroker(BROKER, queue_name="taskiq", consumer_id="0")
if os.environ["BENCH_RESULTS"] == "1":
    broker = broker.with_result_backend(RedisAsyncResultBackend(os.environ["BENCH_BACKEND"], result_ex_time=3600))
source = ListRedisScheduleSource(BROKER.removesuffix("/0") + "/2")
scheduler = TaskiqScheduler(broker, [source])


@broker.task(task_name="noop")
async def noop(i: int) -> int:
    mark(i)
    return 1


@broker.task(task_name="echo")
async def echo(i: int) -> int:
    return i


@broker.task(task_name="late")
async def late(i: int) -> None:
    mark_start(i)


@broker.task(task_name="pause")
async def pause(i: int, seconds: float) -> None:
    mark_start(i)
    await asyncio.sleep(seconds)


@broker.task(task_name="payload")
async def payload(i: int, data: dict[str, Any]) -> None:
    mark(i)
