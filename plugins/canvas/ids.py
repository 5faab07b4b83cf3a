"""Ids of what a canvas starts: new ones where somebody calls, derived ones where a run's end causes them."""

from __future__ import annotations

import uuid as uuids
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from kernelq import uuid

_source: ContextVar[Callable[[], str]] = ContextVar("kernelq_canvas_ids", default=uuid)


def new_id() -> str:
    """An id for a task, a group or a join."""
    return _source.get()()


def derived(*names: object) -> str:
    """The id that these names always lead to."""
    return str(uuids.uuid5(uuids.NAMESPACE_OID, "/".join(map(str, names))))


@contextmanager
def derived_ids(cause: str) -> Iterator[None]:
    """Within this block `new_id` gives the same ids, in the same order, whenever it is entered with this cause.

    What follows from the end of a run is worked out again when that run is repeated after a crash; under the same ids it
    is published once.
    """
    count = 0

    def follow() -> str:
        nonlocal count
        count += 1
        return derived(cause, count)

    token = _source.set(follow)
    try:
        yield
    finally:
        _source.reset(token)
