"""The measures: what is done to a stand, and which numbers come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from peers import Peer
from stand import Stand

Numbers = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured."""

    n: int
    """Tasks of a drain; messages published."""
    round_trips: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """Something to be done to each peer; `run` gives numbers by row."""

    name: str
    run: Callable[[Stand, Size], Numbers]
    results: bool = False
    """Whether results are kept."""
    needs_bulk: bool = False

    def fits(self, peer: Peer) -> bool:
        """Whether `peer` has what is measured."""
        return not self.needs_bulk or peer.has_bulk


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. `wanted` is the ratio KernelQ ÷ peer it should have: at least, or at most for times."""

    key: str
    title: str
    unit: str
    wanted: float | None = None
    is_time: bool = False

    def is_met(self, ratio: float) -> bool | None:
        """Whether the ratio is as wanted; None where nothing is."""
        if self.wanted is None:
            return None
        return ratio <= self.wanted if self.is_time else ratio >= self.wanted


def _drain(stand: Stand, size: Size) -> Numbers:
    stand.client("fill", size.n)
    with stand.workers():
        drained = stand.drained(size.n)
    return {"per_second": size.n / (drained.quiet - drained.first_mark), "repeated": drained.repeated}


def _round_trips(stand: Stand, size: Size) -> Numbers:
    with stand.workers():
        return stand.client("round_trips", size.round_trips)


MEASURES = (
    Measure(name="drain", run=_drain),
    Measure(name="drain_results", run=_drain, results=True),
    Measure(name="single", run=lambda stand, size: stand.client("single", size.n)),
    Measure(name="bulk", run=lambda stand, size: stand.client("bulk", size.n), needs_bulk=True),
    Measure(name="round_trip", run=_round_trips, results=True),
)

ROWS = (
    Row(key="drain.per_second", title="drain, no results", unit="tasks/s", wanted=4),
    Row(key="drain_results.per_second", title="drain, with results", unit="tasks/s", wanted=4),
    Row(key="single.per_second", title="enqueue one by one", unit="messages/s", wanted=1),
    Row(key="bulk.per_second", title="enqueue in bulk", unit="messages/s"),
    Row(key="round_trip.p50_ms", title="round trip, p50", unit="ms", wanted=0.5, is_time=True),
    Row(key="round_trip.p99_ms", title="round trip, p99", unit="ms", is_time=True),
)
"""Of a measure's numbers, those that are shown: ``measure.number``."""
