"""dramatiq on Redis or RabbitMQ, by the scheme of the URL."""

from __future__ import annotations

import os
import time
from typing import Any

import dramatiq
from marks import mark, mark_start

BROKER = os.environ["BENCH_BROKER"]
BACKEND = os.environ["BENCH_BACKEND"]
RESULTS = os.environ["BENCH_RESULTS"] == "1"

if BROKER.startswith("amqp"):
    from dramatiq.brokers.rabbitmq import RabbitmqBroker

    broker = RabbitmqBroker(url=BROKER)
else:
    from dramatiq.brokers.redis import RedisBroker

    broker = RedisBroker(url=BROKER)
if RESULTS:
    from dramatiq.middleware import GroupCallbacks
    from dramatiq.rate_limits.backends import RedisBackend as Counters
    from dramatiq.results import Results
    from dramatiq.results.backends import RedisBackend

    broker.add_middleware(Results(backend=RedisBackend(url=BACKEND), store_results=True, result_ttl=3_600_000))
    broker.add_middleware(GroupCallbacks(Counters(url=BACKEND.removesuffix("/1") + "/2")))
dramatiq.set_broker(broker)


@dramatiq.actor
def noop(i: int) -> int | None:
    mark(i)
    return 1 if RESULTS else None  # it warns of a value that nothing stores


@dramatiq.actor
def echo(i: int) -> int:
    return i


@dramatiq.actor
def late(i: int) -> None:
    mark_start(i)


@dramatiq.actor
def pause(i: int, seconds: float) -> None:
    mark_start(i)
    time.sleep(seconds)


@dramatiq.actor
def payload(i: int, data: dict[str, Any]) -> None:
    mark(i)


@dramatiq.actor
def inc(x: int) -> int:
    return x + 1


@dramatiq.actor
def total() -> int:
    return 1
