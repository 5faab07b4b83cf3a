"""The peers: what is measured beside what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One task queue on one store; `adapter` is its module in `adapters/`."""

    name: str
    adapter: str
    package: str
    """Distribution whose version is reported."""
    worker: tuple[str, ...]
    """Arguments to Python that start two worker processes."""
    unsettled: str
    """SQL that counts what the store does not know to be done; 0 once every acknowledgement is in."""
    results: str
    """SQL that counts the results that can be read."""
    guarantee: str
    has_bulk: bool = False
    """Whether its adapter can publish many messages at once."""


KERNELQ = Peer(
    name="kernelq",
    adapter="kernelq_sqlite",
    package="kernelq",
    worker=("-m", "kernelq", "-A", "adapters.kernelq_sqlite", "worker", "-c", "2", "-q"),
    unsettled="SELECT count(*) FROM kernelq_messages",
    results="SELECT count(*) FROM kernelq_results",
    guarantee="at least once: acknowledged with its result, after it ran",
    has_bulk=True,
)

HUEY = Peer(
    name="huey",
    adapter="huey_sqlite",
    package="huey",
    # No periodic tasks. An idle worker looks after 10 ms and at least every 100 ms; by default it begins at 100 ms.
    worker=("-m", "huey.bin.huey_consumer", "adapters.huey_sqlite.huey", "-w", "2", "-k", "process", "-q", "-n", "-d", "0.01", "-m", "0.1"),
    unsettled="SELECT (SELECT count(*) FROM task) + (SELECT count(*) FROM schedule)",
    results="SELECT count(*) FROM kv",
    guarantee="at most once: deleted before it runs, a crash loses it",
)  # fmt: skip

PEERS = (KERNELQ, HUEY)
"""KernelQ first: ratios are its numbers divided by the others'."""
