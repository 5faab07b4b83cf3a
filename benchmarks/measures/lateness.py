"""Tasks that begin later than they should."""

from __future__ import annotations

import time
from collections.abc import Iterable

from benchmarks.errors import BenchFailed
from benchmarks.stand import Stand

from .measure import Numbers, Size

LONGEST = 150.0
"""Seconds after which those that have not begun are given up."""

SAMPLE = 1000
"""Messages whose publishing tells how much time all of them need."""


def due_at_once(stand: Stand, size: Size) -> Numbers:
    """M7: tasks published ahead and all due at one moment; how late they begin, and what holding them costs the workers."""
    n = size.due
    commands = stand.peer.due_workers
    sample = stand.client("due", n=SAMPLE, when=time.time() + 3600)
    stand.reset()
    with stand.workers(commands=commands) as workers:
        stand.warm_up(workers)
        time.sleep(1.0)
        before = workers.memory()
        # Publishing is done before they are due; slow clients get more time for it. Workers slow a client down.
        when = float(int(time.time() + 2.0 * n * sample["seconds"] / SAMPLE + 4))
        told = stand.client("due", n=n, when=when)
        if told["ended_at"] > when - 1:
            raise BenchFailed(f"{stand.peer.name} published {n} tasks too slowly for the time allowed")
        time.sleep(max(0.0, when - 1.0 - time.time()))
        after = workers.memory()
        while stand.marks.done(0, n) < n and time.time() < when + LONGEST:
            time.sleep(0.05)
    late = [began - when for began in stand.marks.began(n) if began]
    return _spread(late, n) | {
        "growth_mb": after.pss_mb - before.pss_mb,
        "early": sum(each < -0.001 for each in late),
        "repeated": stand.marks.repeated(0, n),
    }


def mixed(stand: Stand, size: Size) -> Numbers:
    """M11: short tasks published at an even pace, long ones between them; how long the short ones wait until they begin."""
    short, long, seconds = size.mixed
    with stand.workers() as workers:
        stand.warm_up(workers)
        stand.client("mixed", short=short, long=long, seconds=seconds)
        deadline = time.time() + LONGEST
        while stand.marks.done(0, short) < short and time.time() < deadline:
            time.sleep(0.05)
    times = zip(stand.marks.published(short), stand.marks.began(short), strict=True)
    spread = _spread([began - published for published, began in times if began], short)
    numbers = {f"{name}_ms": value * 1000 for name, value in spread.items()}
    return numbers | {"repeated": stand.marks.repeated(0, short)}


def _spread(values: Iterable[float], n: int) -> Numbers:
    """Of the times of all `n` tasks: the middle, the 99th of a hundred, and the last."""
    found = sorted(values)
    if len(found) < n:
        raise BenchFailed(f"{len(found)} of {n} tasks began in time")
    return {"p50": found[len(found) // 2], "p99": found[min(len(found) - 1, len(found) * 99 // 100)], "last": found[-1]}
