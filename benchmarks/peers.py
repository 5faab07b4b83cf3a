"""The peers: what is measured beside what, how its workers are started, and what its store is asked.

In commands ``{port}`` is the port of Redis; the programs are those of the peer's own environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

Command = tuple[str, ...]

BASIC = frozenset({"M1", "M2", "M2r", "M3", "M4", "M5", "M6", "M7", "M10", "M11"})
"""What every peer on Redis is measured by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One task queue on one store."""

    name: str
    home: str
    """The environment it is installed in; see `homes`."""
    adapter: str
    """The folder in `adapters/`."""
    store: str = "redis"
    workers: tuple[Command, ...]
    """What starts two worker processes."""
    due_workers: tuple[Command, ...] = ()
    """The same for tasks that are due later, where that takes more."""
    unsettled: tuple[str, ...] = ()
    """Questions to the store; the sum of the answers is what is not acknowledged."""
    results: str = ""
    """Question to the store: how many results can be read. None where a result is stored in one step with what `unsettled` asks."""
    queue: str = ""
    """The name of its queue on RabbitMQ."""
    schema: Command = ()
    """What makes its tables."""
    guarantee: str
    """In a few words, for the table."""
    details: str
    """How it keeps what it guarantees, and how it is set up here."""
    serializer: str = "JSON"
    slots: int = 2
    """Tasks that its two processes run at once."""
    environment: Mapping[str, str] = field(default_factory=dict)
    waiting_environment: Mapping[str, str] = field(default_factory=dict)
    """More variables for measures that wait for results."""
    round_trips: int = 1000
    n: int = 20_000
    """Tasks of a drain: some seconds of filling and draining."""
    measures: frozenset[str] = BASIC


_KERNELQ = Peer(
    name="kernelq",
    home="kernelq",
    adapter="kernelq",
    workers=(("kernelq", "-A", "tasks", "worker", "-c", "2", "-l", "WARNING"),),
    unsettled=("0 HLEN {kernelq}:messages",),
    results="1 DBSIZE",
    guarantee="at least once",
    details="acknowledged after the run, together with the result; leases and fences on; at most 200 unsettled per process",
    n=50_000,
    measures=BASIC | {"M1b", "M8", "M8w", "M13", "M14"},
)

_SQL_KERNELQ = replace(
    _KERNELQ,
    unsettled=("SELECT count(*) FROM kernelq_messages",),
    results="SELECT count(*) FROM kernelq_results",
    measures=frozenset({"M12"}),
)

_CELERY = Peer(
    name="celery",
    home="celery",
    adapter="celery",
    workers=(
        (
            "celery",
            "-A",
            "tasks",
            "worker",
            "-c",
            "2",
            "-l",
            "WARNING",
            "-O",
            "default",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ),
    ),
    unsettled=("0 LLEN celery", "0 HLEN unacked"),
    results="1 DBSIZE",
    guarantee="at least once",
    details="acks_late, prefetch 128 per process, no gossip, mingle, heartbeat or events",
    n=4000,
    measures=BASIC | {"M8"},
)

_DRAMATIQ = Peer(
    name="dramatiq",
    home="dramatiq",
    adapter="dramatiq",
    workers=(("dramatiq", "tasks:broker", "-p", "2", "-t", "4"),),
    unsettled=("0 HLEN dramatiq:default.msgs", "0 HLEN dramatiq:default.DQ.msgs"),
    results="1 DBSIZE",
    guarantee="at least once",
    details="acknowledged after the run; 2 processes of 4 threads, dramatiq_queue_prefetch=200 (tuned)",
    slots=8,
    environment={"dramatiq_queue_prefetch": "200"},
    measures=BASIC | {"M8"},
)

_HUEY = Peer(
    name="huey",
    home="huey",
    adapter="huey",
    workers=(("huey_consumer", "tasks.huey", "-w", "2", "-k", "process", "-q", "-n"),),
    unsettled=("0 LLEN huey.redis.bench", "0 ZCARD huey.schedule.bench"),
    results="0 HLEN huey.results.bench",
    guarantee="at most once",
    details="popped before it runs: a crash loses it; 2 processes, notify_result where a result is waited for",
    serializer="pickle",
    waiting_environment={"BENCH_NOTIFY": "1"},
    measures=BASIC | {"M8"},
)

_RQ_WORKER = (
    "rq",
    "worker",
    "-q",
    "-w",
    "rq.worker.SimpleWorker",
    "--disable-job-desc-logging",
    "-u",
    "redis://127.0.0.1:{port}/0",
)

_RQ = Peer(
    name="rq",
    home="rq",
    adapter="rq",
    workers=((*_RQ_WORKER, "default"), (*_RQ_WORKER, "default")),
    due_workers=((*_RQ_WORKER, "-s", "default"), (*_RQ_WORKER, "default")),
    unsettled=("0 LLEN rq:queue:default", "0 ZCARD rq:wip:default", "0 ZCARD rq:scheduled:default"),
    guarantee="kept until done",
    details="in the wip registry until done, put down as failed after a crash; SimpleWorker (no fork per job, the fast form), 2 workers",
    serializer="pickle",
    n=2000,
    measures=BASIC | {"M1b", "M8"},
)

_TASKIQ_WORKER = (
    ("taskiq", "worker", "tasks:broker", "-w", "2", "--log-level", "WARNING", "--no-parse", "--max-async-tasks", "100", "--max-prefetch", "100")
)  # fmt: skip

_TASKIQ = Peer(
    name="taskiq",
    home="taskiq",
    adapter="taskiq",
    workers=(_TASKIQ_WORKER,),
    due_workers=(
        _TASKIQ_WORKER,
        ("taskiq", "scheduler", "tasks:scheduler", "--log-level", "WARNING", "--update-interval", "5"),
    ),
    unsettled=("0 XPENDING taskiq taskiq",),
    results="1 DBSIZE",
    guarantee="at least once",
    details="Redis stream, XACK when saved; coroutines, 100 at once per process, 2 processes on uvloop",
    slots=200,
    n=10_000,
)

_ARQ = Peer(
    name="arq",
    home="arq",
    adapter="arq",
    workers=(("arq", "tasks.WorkerSettings", "--custom-log-dict", "tasks.LOG"),) * 2,
    unsettled=("0 ZCARD arq:queue",),
    guarantee="at least once",
    details="removed after the run; coroutines, 100 at once per process, 2 processes; poll_delay 0.01 s for M4 only",
    slots=200,
    serializer="pickle",
    waiting_environment={"BENCH_ARQ_POLL": "0.01"},
    round_trips=100,
    n=3000,
)

_PROCRASTINATE = Peer(
    name="procrastinate",
    home="procrastinate",
    adapter="procrastinate",
    store="postgresql",
    workers=(("procrastinate", "--app", "tasks.app", "worker", "-c", "20"),) * 2,
    unsettled=("SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')",),
    schema=("procrastinate", "--app", "tasks.app", "schema", "--apply"),
    guarantee="at least once",
    details="its row is updated after the run; coroutines, 20 at once per process, 2 processes",
    slots=40,
    environment={"PROCRASTINATE_VERBOSE": "0"},
    n=2000,
    measures=frozenset({"M1", "M1b", "M3", "M5", "M6", "M10", "M11", "M12"}),
)

PEERS = (
    _KERNELQ,
    _CELERY,
    replace(
        _CELERY,
        name="celery_early",
        guarantee="at most once",
        details="acknowledged before the run, its default; else as celery",
        environment={"BENCH_ACKS_LATE": "0"},
        measures=frozenset({"M2", "M2r"}),
    ),
    _DRAMATIQ,
    replace(
        _DRAMATIQ,
        name="dramatiq_default",
        workers=(("dramatiq", "tasks:broker", "-p", "2", "-t", "8"),),
        details="8 threads and the default prefetch; else as dramatiq",
        slots=16,
        environment={},
        n=8000,
        measures=frozenset({"M2", "M2r"}),
    ),
    _RQ,
    _HUEY,
    _TASKIQ,
    _ARQ,
    _PROCRASTINATE,
    replace(_SQL_KERNELQ, name="kernelq_sqlite", store="sqlite", details="SQLite, synchronous=normal; else as kernelq", n=50_000),
    replace(
        _HUEY,
        name="huey_sqlite",
        store="sqlite",
        # An idle worker looks after 10 ms and at least every 100 ms; by default it begins at 100 ms.
        workers=(("huey_consumer", "tasks.huey", "-w", "2", "-k", "process", "-q", "-n", "-d", "0.01", "-m", "0.1"),),
        unsettled=("SELECT (SELECT count(*) FROM task) + (SELECT count(*) FROM schedule)",),
        results="SELECT count(*) FROM kv",
        details="SQLite, synchronous=normal as KernelQ's; deleted before it runs: a crash loses it",
        n=5000,
        measures=frozenset({"M5", "M6", "M12"}),
    ),
    replace(_SQL_KERNELQ, name="kernelq_postgresql", home="kernelq_servers", store="postgresql", details="PostgreSQL; else as kernelq"),
    replace(
        _KERNELQ,
        name="kernelq_amqp",
        home="kernelq_servers",
        store="rabbitmq",
        unsettled=(),
        queue="default",
        details="RabbitMQ, a quorum queue and confirmed publishing, its default; result and acknowledgement are two steps",
        n=10_000,
        measures=frozenset({"M12"}),
    ),
    replace(
        _CELERY, name="celery_amqp", store="rabbitmq", queue="celery", details="RabbitMQ, a classic queue; else as celery", measures=frozenset({"M12"})
    ),
    replace(
        _DRAMATIQ,
        name="dramatiq_amqp",
        store="rabbitmq",
        queue="default",
        details="RabbitMQ, a classic queue; else as dramatiq",
        n=8000,
        measures=frozenset({"M12"}),
    ),
)  # fmt: skip
"""All of them; of those on one store, the one named kernelq… is ours."""

BY_NAME = {peer.name: peer for peer in PEERS}


def is_ours(name: str) -> bool:
    """Whether a peer of that name is KernelQ itself."""
    return name.startswith("kernelq")
