"""What a client and a worker cost before they do anything."""

from __future__ import annotations

import statistics
import subprocess
import time

from benchmarks.errors import BenchFailed
from benchmarks.stand import Stand

from .measure import Numbers, Size

# The peak as the process itself has it: what getrusage tells survives exec, so it would never be below the harness's own.
_IMPORT = "import tasks\nprint(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"


def start_up(stand: Stand, size: Size) -> Numbers:
    """M5: a client that imports its app and tasks and ends; a worker from its spawning until its first task ran."""
    imports = [_import(stand) for _ in range(4)][1:]  # the first one warms the disk's cache
    stand.client("fill", n=1)
    with stand.workers() as workers:
        begun = stand.drained(workers, 1).first
    return {
        "import_s": statistics.median(seconds for seconds, _ in imports),
        "client_mb": statistics.median(megabytes for _, megabytes in imports),
        "spawn_s": begun - workers.spawned_at,
    }


def idle(stand: Stand, size: Size) -> Numbers:
    """M6 and M9: memory, CPU time and commands of two idle workers after a few tasks."""
    redis = stand.store.redis
    with stand.workers() as workers:
        stand.warm_up(workers, 20)
        time.sleep(2.0)  # adaptive waits grow to what they stay at
        memory = workers.memory()
        calls, cpu, begun = redis.calls() if redis else 0, workers.cpu_seconds(), time.monotonic()
        time.sleep(size.idle)
        used, seconds = workers.cpu_seconds() - cpu, time.monotonic() - begun
        numbers = {"pss_mb": memory.pss_mb, "rss_mb": memory.rss_mb, "processes": memory.processes}
        if redis:
            numbers["commands_s"] = max(0, redis.calls() - calls - 1) / seconds  # one of them was ours
        return numbers | {"cpu_ms_s": used / seconds * 1000}


def _import(stand: Stand) -> tuple[float, float]:
    begun = time.perf_counter()
    command = [str(stand.python), "-c", _IMPORT]
    done = subprocess.run(
        command, env=stand.environment(), cwd=stand.folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchFailed(f"{stand.peer.name}: {done.stderr[-500:]}")
    return time.perf_counter() - begun, int(done.stdout.split()[-1]) / 1024
