"""What publishes and waits, in a process of its own under the peer's Python: ``client.py ADAPTER OPERATION N``.

Prints one line of JSON: what the operation measured.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

BATCH = 1000
"""Messages handed over at once by `bulk`."""

WARM_UPS = 100
"""Calls before the clock starts."""

WARM_UP_BASE = 1_000_000
"""Numbers of warm-up tasks begin here, past those that are measured."""

Numbers = dict[str, float]


def fill(adapter: Any, n: int) -> Numbers:
    """Put `n` tasks into the queue, the quickest way there is."""
    if hasattr(adapter, "send_many"):
        _send_batches(adapter, n)
    else:
        for i in range(n):
            adapter.send(i)
    return {}


def single(adapter: Any, n: int) -> Numbers:
    """Publish `n` tasks one by one."""
    for i in range(WARM_UPS):
        adapter.send(WARM_UP_BASE + i)
    begun = time.perf_counter()
    for i in range(n):
        adapter.send(i)
    return {"per_second": n / (time.perf_counter() - begun)}


def bulk(adapter: Any, n: int) -> Numbers:
    """Publish `n` tasks, `BATCH` at a time."""
    adapter.send_many(range(WARM_UP_BASE, WARM_UP_BASE + WARM_UPS))
    begun = time.perf_counter()
    _send_batches(adapter, n)
    return {"per_second": n / (time.perf_counter() - begun)}


def round_trips(adapter: Any, n: int) -> Numbers:
    """Call a task and wait for its result, `n` times in a row."""
    for i in range(WARM_UPS):
        adapter.round_trip(i)
    seconds = []
    for i in range(n):
        begun = time.perf_counter()
        adapter.round_trip(i)
        seconds.append(time.perf_counter() - begun)
    seconds.sort()
    return {"p50_ms": seconds[n // 2] * 1000, "p99_ms": seconds[min(n - 1, n * 99 // 100)] * 1000}


def _send_batches(adapter: Any, n: int) -> None:
    for first in range(0, n, BATCH):
        adapter.send_many(range(first, min(n, first + BATCH)))


OPERATIONS: dict[str, Callable[[Any, int], Numbers]] = {
    operation.__name__: operation for operation in (fill, single, bulk, round_trips)
}


if __name__ == "__main__":
    name, operation, n = sys.argv[1:]
    print(json.dumps(OPERATIONS[operation](import_module(f"adapters.{name}"), int(n))))
