"""Publishing while no worker runs."""

from __future__ import annotations

from benchmarks.stand import Stand

from .measure import Numbers, Size


def single(stand: Stand, size: Size) -> Numbers:
    """M1: one process calls a task again and again, as the peer's users do."""
    n = min(size.single, stand.peer.n)
    told = stand.client("send", n=n)
    return {"msgs_s": n / told["seconds"], "cpu_us": told["cpu_seconds"] / n * 1e6}


def bulk(stand: Stand, size: Size) -> Numbers:
    """M1b: the same, 1,000 messages at a time."""
    n = max(2000, int(20_000 * size.scale))
    return {"msgs_s": n / stand.client("bulk", n=n)["seconds"]}
