"""The limit of a machine: Python with redis-py, hiredis and msgspec, and nothing of a task queue: ``limit.py PORT N``.

Two processes claim a hundred messages at a time by a script that notes what they hold, decode them, run a function, and acknowledge
(and store the results) in one pipeline. No request, no hook, no log, no lease: ceilings, not goals. Calls FLUSHDB on database 15.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
import redis

BATCH = 100
DATABASE = 15

CLAIM = """
local messages = redis.call('LPOP', KEYS[1], ARGV[1])
if not messages then return {} end
redis.call('RPUSH', KEYS[2], unpack(messages))
return messages
"""

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode


def body(i: int) -> bytes:
    """A message of some 200 bytes."""
    zero = "0" * 36
    return encode(
        {"id": zero, "task": "tasks.noop", "args": [i], "kwargs": {}, "retries": 0, "eta": None, "expires": None}
        | {"headers": {"origin": "gen1@host", "root_id": zero}}
    )


def noop(i: int) -> int:
    return 1


def produce_single(server: redis.Redis, n: int) -> None:
    for i in range(n):
        server.lpush("queue", body(i))


def produce_bulk(server: redis.Redis, n: int) -> None:
    for first in range(0, n, BATCH):
        server.rpush("queue", *[body(i) for i in range(first, first + BATCH)])


def ping(server: redis.Redis, n: int) -> None:
    for _ in range(n):
        server.ping()


def consume(port: int, results: bool, barrier: Any) -> None:
    """Claim, run and acknowledge until the queue is empty."""
    server = redis.Redis("127.0.0.1", port, db=DATABASE)
    claim = server.register_script(CLAIM)
    held = f"held:{os.getpid()}"
    barrier.wait()
    while messages := claim(keys=["queue", held], args=[BATCH]):
        pipe = server.pipeline(transaction=False)
        for message in messages:
            i = decode(message)["args"][0]
            value = noop(i)
            if results:
                pipe.set(f"result:{i}", encode({"status": "SUCCESS", "result": value, "id": i}), ex=3600)
        pipe.ltrim(held, len(messages), -1)
        pipe.execute()


def per_second(work: Callable[[], None], n: int) -> float:
    begun = time.perf_counter()
    work()
    return n / (time.perf_counter() - begun)


def drain(server: redis.Redis, port: int, n: int, *, results: bool) -> float:
    """Messages per second of two consumers."""
    server.flushdb()
    produce_bulk(server, n)
    barrier = multiprocessing.Barrier(3)
    consumers = [multiprocessing.Process(target=consume, args=(port, results, barrier)) for _ in range(2)]
    for consumer in consumers:
        consumer.start()
    barrier.wait()

    def wait() -> None:
        for consumer in consumers:
            consumer.join()

    return per_second(wait, n)


def main(port: int, n: int) -> dict[str, float]:
    server = redis.Redis("127.0.0.1", port, db=DATABASE)
    server.ping()
    numbers = {
        "single": per_second(lambda: produce_single(server, n), n),
        "bulk": per_second(lambda: produce_bulk(server, 5 * n), 5 * n),
        "drain": drain(server, port, 5 * n, results=False),
        "drain_results": drain(server, port, 5 * n, results=True),
    }
    numbers["ping_ms"] = 1000 / per_second(lambda: ping(server, 2000), 2000)
    server.flushdb()
    return numbers


if __name__ == "__main__":
    print("@@" + json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
