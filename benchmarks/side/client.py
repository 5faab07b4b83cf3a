"""What publishes and waits, in a process of its own under the peer's Python: ``client.py OPERATION JSON``.

Uses the module ``calls`` of the peer's adapter. Prints one line of JSON with what the operation measured, nothing in it when the
peer has no such operation. A call of an asyncio client is awaited before the next one is made, on uvloop.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

import calls
from marks import WARM_UP, mark_published

BATCH = 1000
"""Messages handed over at once in bulk."""

IS_ASYNC: bool = getattr(calls, "ASYNC", False)

Numbers = dict[str, float]


async def fill(n: int, base: int = 0) -> Numbers:
    """Put `n` tasks into the queue, the quickest way there is."""
    if hasattr(calls, "send_bulk"):
        await _batches(calls.send_bulk, n, base)
    else:
        await _each(calls.send, ((base + i,) for i in range(n)))
    return {}


async def fill_later(n: int) -> Numbers:
    """Put `n` tasks into the queue that are due in a day."""
    await _batches(calls.send_bulk_later, n, WARM_UP)
    return {}


async def send(n: int, warm_ups: int = 200) -> Numbers:
    """Publish `n` tasks one by one."""
    await _each(calls.send, ((WARM_UP + i,) for i in range(warm_ups)))
    begun_at, begun, cpu = time.time(), time.perf_counter(), time.process_time()
    await _each(calls.send, ((i,) for i in range(n)))
    seconds = time.perf_counter() - begun
    return {"begun_at": begun_at, "seconds": seconds, "cpu_seconds": time.process_time() - cpu}


async def bulk(n: int) -> Numbers:
    """Publish `n` tasks, `BATCH` at a time."""
    await _batches(calls.send_bulk, 100, WARM_UP)
    begun = time.perf_counter()
    await _batches(calls.send_bulk, n, 0)
    return {"seconds": time.perf_counter() - begun}


async def round_trips(n: int) -> Numbers:
    """Call a task and wait for its result, `n` times in a row."""
    for i in range(50):
        await _call(calls.round_trip, i)
    seconds = []
    for i in range(n):
        begun = time.perf_counter()
        await _call(calls.round_trip, i)
        seconds.append(time.perf_counter() - begun)
    seconds.sort()
    return {"p50_ms": seconds[n // 2] * 1000, "p99_ms": seconds[min(n - 1, n * 99 // 100)] * 1000}


async def due(n: int, when: float) -> Numbers:
    """Publish `n` tasks that are all due at `when`, epoch seconds."""
    begun = time.perf_counter()
    await _each(calls.send_eta, ((i, when) for i in range(n)))
    return {"seconds": time.perf_counter() - begun, "ended_at": time.time()}


async def payloads(n: int, kilobytes: int) -> Numbers:
    """Publish `n` tasks with arguments of so many kB, one by one."""
    # Distinct strings: pickle would share equal ones.
    data = {"rows": [f"{row:06d}" + "x" * 990 for row in range(kilobytes)]}
    begun_at = time.time()
    await _each(calls.send_payload, ((i, data) for i in range(n)))
    return {"begun_at": begun_at}


async def mixed(short: int, long: int, seconds: float) -> Numbers:
    """Publish `short` tasks of 0–50 ms at an even pace over `seconds`, and between them `long` ones of 5 s, evenly spread.

    Short tasks have the numbers from 0 on, long ones those behind. The lengths come from one seed: the same for every peer.
    """
    chance = random.Random(11)
    plan = [(i * seconds / short, i, chance.uniform(0, 0.05)) for i in range(short)]
    plan += [((j + 0.5) * seconds / long, short + j, 5.0) for j in range(long)]
    begun = time.perf_counter()
    for at, i, length in sorted(plan):
        await asyncio.sleep(at - (time.perf_counter() - begun)) if IS_ASYNC else _sleep_until(begun + at)
        mark_published(i)
        await _call(calls.send_pause, i, length)
    return {"seconds": time.perf_counter() - begun}


async def composed(kind: str, n: int) -> Numbers:
    """Run a chord, a group or a chain of `n` tasks and wait for its result, after a small one."""
    run = getattr(calls, f"{kind}_run", None)
    if run is None:
        return {}
    await _call(run, 10)
    begun = time.perf_counter()
    await _call(run, n)
    return {"seconds": time.perf_counter() - begun}


async def wide_chord(n: int) -> Numbers:
    """Run a chord of `n` tasks, whose header is a generator, and wait for its result; what this process grew by at its peak."""
    before = _megabytes("VmRSS")
    begun = time.perf_counter()
    await _call(calls.wide_chord_run, n)
    return {"seconds": time.perf_counter() - begun, "growth_mb": _megabytes("VmHWM") - before}


def _megabytes(name: str) -> float:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) / 1024


def _sleep_until(instant: float) -> None:
    time.sleep(max(0.0, instant - time.perf_counter()))


async def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    answer = function(*arguments)
    return await answer if inspect.isawaitable(answer) else answer


async def _each(function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> None:
    # Two loops: the one of a synchronous client has nothing of asyncio in it.
    if IS_ASYNC:
        for each in arguments:
            await function(*each)
    else:
        for each in arguments:
            function(*each)


async def _batches(function: Callable[[range], Awaitable[None] | None], n: int, base: int) -> None:
    for first in range(base, base + n, BATCH):
        await _call(function, range(first, min(base + n, first + BATCH)))


OPERATIONS = {
    each.__name__: each
    for each in (fill, fill_later, send, bulk, round_trips, due, payloads, mixed, composed, wide_chord)
}


async def _main(operation: str, parameters: dict[str, Any]) -> Numbers:
    await _call(getattr(calls, "setup", lambda: None))
    numbers: Numbers = await OPERATIONS[operation](**parameters)
    await _call(getattr(calls, "close", lambda: None))
    return numbers


def _run(main: Coroutine[Any, Any, Numbers]) -> Numbers:
    if IS_ASYNC:
        import uvloop

        uvloop.install()
        return asyncio.run(main)
    try:
        main.send(None)  # a synchronous client never waits for a loop, so the first step is the last
    except StopIteration as end:
        numbers: Numbers = end.value
        return numbers
    raise AssertionError("a synchronous adapter awaited something")


if __name__ == "__main__":
    print("@@" + json.dumps(_run(_main(sys.argv[1], json.loads(sys.argv[2])))), flush=True)
