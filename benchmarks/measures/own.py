"""What is measured of KernelQ alone: the cost of plugins, growth, and a very wide chord."""

from __future__ import annotations

import json
import statistics
import subprocess

from benchmarks.errors import BenchFailed
from benchmarks.stand import Stand

from .drain import drain
from .measure import Numbers, Size

NEEDED = frozenset(
    {
        "backend_redis",
        "broker_redis",
        "bulk",
        "commands",
        "engine_redis",
        "pool_prefork",
        "results",
        "serializers",
        "worker",
    }
)
"""Plugins that a worker with processes, on Redis and with results, cannot do without."""

EMPTY = 10
"""Plugins of empty hooks."""

FIRST = 10_000
"""Tasks over which growth is measured: the first of those that wait."""

WINDOW = (3000, 9000)
"""Of these, those that are timed: by the first both processes are at work, and behind the last none is out of messages."""

_LIST = "import json, tasks; print(json.dumps([info.name for info in tasks.app.plugins.infos()]))"


def plugins(stand: Stand, size: Size) -> Numbers:
    """M13: M2 of KernelQ with no plugin that it can do without, with all first-party ones, and with ten of empty hooks besides."""
    others = sorted(set(_installed(stand)) - NEEDED)
    variants = {
        "none": {"BENCH_DISABLE_PLUGINS": " ".join(others)},
        "all": {},
        "empty": {"BENCH_EMPTY_PLUGINS": str(EMPTY)},
    }
    rates = {}
    for name, more in variants.items():
        stand.reset()
        rates[name] = drain(stand, size, more=more)
    numbers = {f"{name}_tasks_s": told["tasks_s"] for name, told in rates.items()}
    numbers |= {f"{name}_cpu_us": told["cpu_us"] for name, told in rates.items()}
    for name in ("all", "empty"):
        numbers[f"{name}_ratio"] = rates[name]["tasks_s"] / rates["none"]["tasks_s"]
    return numbers


def growth(stand: Stand, size: Size) -> Numbers:
    """M14: the first 10,000 tasks of a queue, by how many wait, and with as many delayed ones beside as wait at most."""
    most = max(size.waiting)
    numbers: Numbers = {}
    for waiting, delayed in [*((waiting, 0) for waiting in size.waiting), (min(size.waiting), most)]:
        stand.reset()
        name = f"delayed_{delayed}" if delayed else f"waiting_{waiting}"
        for what, value in _first(stand, waiting, delayed, size.starts).items():
            numbers[f"{name}_{what}"] = value
    least = f"waiting_{min(size.waiting)}"
    for name, other in (("", f"waiting_{most}"), ("delayed_", f"delayed_{most}")):
        numbers[f"{name}ratio"] = numbers[f"{other}_tasks_s"] / numbers[f"{least}_tasks_s"]
        numbers[f"{name}server_ratio"] = numbers[f"{least}_server_us"] / numbers[f"{other}_server_us"]
    return numbers


def wide_chord(stand: Stand, size: Size) -> Numbers:
    """M8w: a chord of very many tasks from a generator; how often its body ran, and what a worker's process and the client grew by.

    A process is compared with itself after a chord of a hundredth, which has loaded all it needs.
    """
    with stand.workers(results=True) as workers:
        stand.warm_up(workers, results=True)
        stand.client("wide_chord", results=True, n=size.wide // 100)
        stand.marks.clear()
        before = workers.resident()
        told = stand.client("wide_chord", results=True, n=size.wide)
        after = workers.resident()
        grown = [each.most_mb - before[pid].now_mb for pid, each in after.items() if pid in before]
        return {
            "chord_s": told["seconds"],
            "worker_mb": max(grown),
            "client_mb": told["growth_mb"],
            "body_runs": float(stand.marks.done(0, 1) + stand.marks.repeated(0, 1)),
        }


def _first(stand: Stand, waiting: int, delayed: int, starts: int) -> Numbers:
    """Rate of the first tasks, and what the server's scripts (claims and settlements) cost for each; medians of a few starts."""
    if delayed:
        stand.client("fill_later", n=delayed)
    filled = 0
    found = []
    for _ in range(starts):
        if filled - stand.marks.done(0, filled) < min(waiting, filled * 9 // 10) or not filled:
            stand.client("fill", n=waiting, base=filled)
            filled += waiting
        found.append(_start(stand, filled))
    return {name: statistics.median(each[name] for each in found) for name in found[0]}


def _start(stand: Stand, filled: int) -> Numbers:
    redis = stand.store.redis
    assert redis is not None
    used, done = redis.script_seconds(), stand.marks.done(0, filled)
    with stand.workers() as workers:
        (first_at, first), (last_at, last) = (stand.reached(workers, done + goal, 0, filled) for goal in WINDOW)
        used = redis.script_seconds() - used
    return {"tasks_s": (last - first) / (last_at - first_at), "server_us": used / (last - done) * 1e6}


def _installed(stand: Stand) -> list[str]:
    command = [str(stand.python), "-c", _LIST]
    done = subprocess.run(
        command, env=stand.environment(), cwd=stand.folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchFailed(f"KernelQ could not list its plugins: {done.stderr[-500:]}")
    names: list[str] = json.loads(done.stdout)
    return names
