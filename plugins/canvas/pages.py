"""Pages: the later steps of long workflows, kept in the store once and read when they are due.

Without them the first message of a chain of n steps would hold n of them, the next n - 1, and so on: with 10,000 steps
a gigabyte would travel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from kernelq.errors import TaskError

from . import names
from .contract import Keep, Op
from .ids import derived
from .steps import tasks_in, written
from .store import store_of

if TYPE_CHECKING:
    from kernelq import KernelQ

PAGE = 16
"""Tasks on a page, if they are not all in one group."""
FEW = 2 * PAGE
"""Tasks that travel whole: a page more would cost more than it saves."""


class PageLost(TaskError):
    """The later steps of a workflow are no longer in the store."""


def paged(app: KernelQ, cause: str, steps: list[Any]) -> tuple[list[Any], list[Op]]:
    """The steps that travel, the last of which may stand for a page, and what keeps the pages.

    `cause` is what the keys are derived from. Without a store all of them travel.
    """
    if len(steps) <= FEW and not any(step.get("subtask_type") for step in steps):
        return steps, []  # a chain of tasks, or what is left of one: looked at with each of its steps
    weights = [sum(1 for _ in tasks_in([step])) for step in steps]
    store = store_of(app) if sum(weights) > FEW else None
    if store is None:
        return steps, []
    pages = _cut(steps, weights)
    first = pages.pop(0) if weights[0] <= FEW else []
    ops: list[Op] = []
    following: list[Any] = []
    for number in range(len(pages), 0, -1):
        key = f"page:{derived(cause, 'page', number)}"
        content = written(app, [*pages[number - 1], *following])
        ops.append(Keep(key=key, value=msgspec.msgpack.encode(content)))
        following = [_reference(key)]
    return [*first, *following], ops


def is_page(step: Any) -> bool:
    """Whether a step stands for a page."""
    return bool(step["task"] == names.PAGE)


def unpaged(app: KernelQ, steps: list[Any]) -> tuple[list[Any], list[Op]]:
    """The steps, the first of which is none that stands for a page; and what lets the page go after a while.

    Not at once: the run whose end asks for it may be repeated, and a failed workflow may be taken up again.

    Raises:
        PageLost: the page is not there any more.
        BackendUnavailable: the store is away.
    """
    ops: list[Op] = []
    while steps and is_page(steps[0]):
        key = steps[0]["args"][0]
        store = store_of(app)
        value = None if store is None else store.kept([key]).get(key)
        if value is None:
            raise PageLost(f"the later steps of this workflow ({key}) are no longer in the store of workflows")
        content_type, content = msgspec.msgpack.decode(value)
        steps = [*app.serializer(content_type).loads(content), *steps[1:]]
        ops.append(Keep(key=key, value=value, ttl=app.conf.result_expires or None))
    return steps, ops


def _cut(steps: list[Any], weights: list[int]) -> list[list[Any]]:
    """The steps as pages of at most `PAGE` tasks; a group of more has one of its own."""
    pages: list[list[Any]] = []
    room = 0
    for step, weight in zip(steps, weights, strict=True):
        if weight > room or not pages:
            pages.append([])
            room = PAGE
        pages[-1].append(step)
        room -= weight
    return pages


def _reference(key: str) -> dict[str, Any]:
    return {"task": names.PAGE, "args": [key], "kwargs": {}, "options": {}, "subtask_type": None, "immutable": True}
