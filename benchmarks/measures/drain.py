"""Running what waits."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.stand import Stand

from .enqueue import single
from .measure import Numbers, Size
from .waiting import round_trip


def drain(stand: Stand, size: Size, *, results: bool = False, more: Mapping[str, str] | None = None) -> Numbers:
    """M2: tasks that do nothing wait; two workers start; from the first mark until the store is quiet."""
    n = size.tasks(stand.peer)
    stand.client("fill", results=results, n=n)
    with stand.workers(results=results, more=more) as workers:
        calls = _calls(stand)
        drained = stand.drained(workers, n, results=results)
        numbers = {"tasks_s": n / (drained.quiet - drained.first), "steady_s": drained.steady}
        numbers |= {"repeated": drained.repeated, "cpu_us": workers.cpu_seconds() / n * 1e6}
        if stand.store.redis is not None:
            numbers["commands"] = (_calls(stand) - calls) / n
        return numbers | {"pss_mb": workers.memory().pss_mb}


def drain_with_results(stand: Stand, size: Size) -> Numbers:
    """M2r: the same with results stored; quiet means that all of them can be read."""
    return drain(stand, size, results=True)


def both_at_once(stand: Stand, size: Size) -> Numbers:
    """M3: one process publishes one by one while two workers run; from the first call until the store is quiet."""
    n = min(size.tasks(stand.peer), 2 * size.single)
    with stand.workers() as workers:
        stand.warm_up(workers)
        with stand.running_client("send", stand.environment(), n=n, warm_ups=0) as client:
            drained = stand.drained(workers, n)
            begun_at = stand.finish_client(client)["begun_at"]
        return {"tasks_s": n / (drained.quiet - begun_at), "repeated": drained.repeated}


def large_arguments(stand: Stand, size: Size) -> Numbers:
    """M10: M3 with arguments of 100 kB."""
    n = min(size.payloads, stand.peer.n // 5)
    with stand.workers() as workers:
        stand.warm_up(workers)
        with stand.running_client("payloads", stand.environment(), n=n, kilobytes=100) as client:
            drained = stand.drained(workers, n)
            begun_at = stand.finish_client(client)["begun_at"]
        return {"tasks_s": n / (drained.quiet - begun_at), "repeated": drained.repeated}


def other_stores(stand: Stand, size: Size) -> Numbers:
    """M12: M2 on SQLite, PostgreSQL and RabbitMQ; on SQLite also M2r, M1, M1b and M4."""
    numbers = drain(stand, size)
    if stand.peer.store != "sqlite":
        return numbers
    stand.reset()
    numbers["results_tasks_s"] = drain_with_results(stand, size)["tasks_s"]
    stand.reset()
    numbers["single_msgs_s"] = single(stand, size)["msgs_s"]
    stand.reset()
    return numbers | round_trip(stand, size)


def _calls(stand: Stand) -> int:
    return 0 if stand.store.redis is None else stand.store.redis.calls()
