"""Random lives of joins: batches of ops, drawn small enough that they meet."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from kernelq.contracts import Message
from kernelq.workflows import DONE, FAILED, Arrive, Close, Drop, Forget, Join, Keep, Op, Open, Reopen, WorkflowStore

from .samples import message

SETTINGS = settings(
    max_examples=60, report_multiple_bugs=False, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)

SIZES = {"a": 0, "b": 1, "c": 2, "d": 4}
"""Joins by name, and how many places each has."""
KEYS = ("x", "y")
EVER = (None, 3600.0)
OUTLIVED = -1.0
"""Seconds, of a `ttl`: what is forgotten as soon as it is closed, or kept."""
OVERDUE = "overdue"
"""Stands for an op: what fired, is asked for, and what waits fires."""

Step = list[Op] | str


def steps() -> st.SearchStrategy[list[Step]]:
    """Batches of ops, and looks for what is overdue in between."""
    batch: st.SearchStrategy[Step] = st.lists(_ops(), min_size=1, max_size=6)
    return st.lists(st.one_of(batch, batch, batch, batch, st.just(OVERDUE)), min_size=1, max_size=8)


def told_apart(step: Step, run: str) -> Step:
    """The same for joins and keys of one run alone."""
    return step if isinstance(step, str) else [_renamed(op, run) for op in step]


def carry_out(store: WorkflowStore, step: Step, run: str) -> set[str]:
    """Do it; the messages that came of it, of this run alone."""
    if isinstance(step, str):
        found = store.overdue(fired=-1.0, open=-1.0)
    else:
        found = list(store.apply(step))
    return {each.id for each in found if each.id.endswith(run)}


def look(store: WorkflowStore, run: str) -> dict[str, Any]:
    """All that can be seen from outside, but for instants; of a join that is done it does not matter who arrived."""
    joins = {name: _seen(store.join(name + run)) for name in SIZES}
    parts = {name: store.parts(name + run, 0, 5) for name in SIZES}
    return {"joins": joins, "parts": parts, "kept": store.kept([key + run for key in KEYS])}


def _ops() -> st.SearchStrategy[Op]:
    names = st.sampled_from(sorted(SIZES))
    arrivals = names.flatmap(_arrivals)
    return st.one_of(
        arrivals,
        arrivals,
        names.flatmap(_openings),
        st.builds(
            Close, join=names, state=st.sampled_from((DONE, FAILED, FAILED)), ttl=st.sampled_from((*EVER, OUTLIVED))
        ),
        st.builds(Reopen, join=names),
        st.builds(Forget, join=names),
        st.builds(Keep, key=st.sampled_from(KEYS), value=st.binary(max_size=2), ttl=st.sampled_from((*EVER, OUTLIVED))),
        st.builds(Drop, key=st.sampled_from(KEYS)),
    )


def _arrivals(name: str) -> st.SearchStrategy[Op]:
    last = max(SIZES[name] - 1, 0)
    return st.builds(
        Arrive,
        join=st.just(name),
        place=st.integers(0, last),
        part=st.binary(max_size=2),
        failed=st.sampled_from((False, False, True)),
    )


def _openings(name: str) -> st.SearchStrategy[Op]:
    return st.builds(
        Open,
        join=st.just(name),
        message=st.integers(0, 3).map(lambda i: message(f"after {name} {i} ")),
        record=st.binary(max_size=2),
        size=st.sampled_from((SIZES[name], SIZES[name], None)),
    )


def _renamed(op: Op, run: str) -> Op:
    match op:
        case Keep():
            return Keep(key=op.key + run, value=op.value, ttl=op.ttl)
        case Drop():
            return Drop(key=op.key + run)
        case Open():
            return Open(join=op.join + run, message=_message(op.message, run), record=op.record, size=op.size)
        case Arrive():
            return Arrive(join=op.join + run, place=op.place, part=op.part, failed=op.failed)
        case Close():
            return Close(join=op.join + run, state=op.state, ttl=op.ttl)
        case Reopen():
            return Reopen(join=op.join + run)
        case Forget():
            return Forget(join=op.join + run)


def _message(given: Message, run: str) -> Message:
    return message(given.id + run)


def _seen(join: Join | None) -> tuple[Any, ...] | None:
    if join is None:
        return None
    arrived = None if join.state == DONE else (join.arrived, join.failed)
    return join.state, join.record, join.size, arrived
