"""Waiting for results."""

from __future__ import annotations

import time

from benchmarks.stand import Stand

from .measure import Numbers, Size


def round_trip(stand: Stand, size: Size) -> Numbers:
    """M4: one process calls a task and waits for its result, again and again; two idle workers."""
    more = stand.peer.waiting_environment
    with stand.workers(results=True, more=more) as workers:
        stand.warm_up(workers, results=True, more=more)
        time.sleep(0.5)  # what the warm-up left behind is over
        n = min(size.round_trips, stand.peer.round_trips)
        return stand.client("round_trips", results=True, more=more, n=n)


def composition(stand: Stand, size: Size) -> Numbers:
    """M8: a chord and a group of many tasks and a long chain, from the call to the result; what the peer has of them."""
    more = stand.peer.waiting_environment
    numbers = {}
    with stand.workers(results=True, more=more) as workers:
        stand.warm_up(workers, results=True, more=more)
        for kind, n in (("chord", size.group), ("group", size.group), ("chain", size.chain)):
            told = stand.client("composed", results=True, more=more, kind=kind, n=n)
            if told:
                numbers[f"{kind}_s"] = told["seconds"]
    return numbers
