"""The measures, in the order of a run."""

from __future__ import annotations

from . import drain, enqueue, lateness, own, waiting, worker
from .measure import FULL, QUICK, Measure, Numbers, Size

__all__ = ["FULL", "MEASURES", "QUICK", "Measure", "Numbers", "Size"]

MEASURES = (
    Measure(name="M1", run=enqueue.single),
    Measure(name="M1b", run=enqueue.bulk),
    Measure(name="M2", run=drain.drain, decisive="tasks_s"),
    Measure(name="M2r", run=drain.drain_with_results, decisive="tasks_s"),
    Measure(name="M3", run=drain.both_at_once, decisive="tasks_s"),
    Measure(name="M4", run=waiting.round_trip),
    Measure(name="M5", run=worker.start_up),
    Measure(name="M6", run=worker.idle, repeats=2),
    Measure(name="M7", run=lateness.due_at_once, decisive="p99", is_cost=True, chances=1),
    Measure(name="M8", run=waiting.composition),
    Measure(name="M8w", run=own.wide_chord, repeats=3),
    Measure(name="M10", run=drain.large_arguments),
    Measure(name="M11", run=lateness.mixed, repeats=1),
    Measure(name="M12", run=drain.other_stores),
    Measure(name="M13", run=own.plugins),
    Measure(name="M14", run=own.growth, repeats=3),
)
