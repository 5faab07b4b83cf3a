"""How far a workflow is: a bar on the terminal, or the numbers for a bar of your own (`kernelq.progress`).

from kernelq.progress import progress, track

album = progress(result, description="album")     # the bar is there until the end; then result.get()
for completed, total in track(result, timeout=60):
    print(f"{completed} of {total}")
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar, overload

from kernelq.contracts import READY_STATES, SUCCESS
from kernelq.errors import TimeoutError

from .workflow import find_own

if TYPE_CHECKING:
    from kernelq import AsyncResult
    from kernelq.result import ResultBase, ResultSet

__all__ = ["progress", "track"]

R = TypeVar("R")

LONGEST_WAIT = 60.0
"""Seconds between two looks at the clock while nothing is heard and no timeout is set."""


@overload
def progress(
    result: AsyncResult[R], description: str | None = None, refresh: float = 0.1, timeout: float | None = None
) -> R: ...
@overload
def progress(
    result: ResultSet[R], description: str | None = None, refresh: float = 0.1, timeout: float | None = None
) -> list[R]: ...
def progress(
    result: ResultBase, description: str | None = None, refresh: float = 0.1, timeout: float | None = None
) -> Any:
    """Show a bar until the result is there, and return its value, as ``result.get()`` does.

    The bar counts the tasks of the whole workflow that have succeeded; it is drawn again every `refresh` seconds, and only on a terminal.

    Raises:
        TimeoutError: it took longer than `timeout` seconds; the tasks go on.
    """
    from rich.console import Console  # here, for who only tracks draws nothing
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    deadline = None if timeout is None else time.monotonic() + timeout
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, refresh_per_second=1 / max(refresh, 0.01), disable=not console.is_terminal
    ) as bar:
        shown = bar.add_task(description or str(getattr(result, "name", None) or "tasks"), total=None)
        for completed, total in track(result, timeout=timeout):
            bar.update(shown, completed=completed, total=total)
    return result.get(timeout=None if deadline is None else max(0.0, deadline - time.monotonic()))


def track(result: ResultBase, timeout: float | None = None) -> Iterator[tuple[int, int]]:
    """(tasks that have succeeded, tasks in all) of the result's workflow: how it is now, then each change, until the result is there.

    Of a result that is no workflow's, or of one that is not known any more, its own tasks are counted. It waits as `get` does, by one
    watch on the backend, and like that not inside a task.

    Raises:
        TimeoutError: it took longer than `timeout` seconds.
    """
    from kernelq.result import assert_will_not_block

    assert_will_not_block()
    return _changes(result, timeout)


def _changes(result: ResultBase, timeout: float | None) -> Iterator[tuple[int, int]]:
    deadline = None if timeout is None else time.monotonic() + timeout
    leaves = list(result.leaves())
    awaited = {leaf.id for leaf in leaves if leaf.final is None and not leaf.ignored}
    succeeded = {leaf.id for leaf in leaves if leaf.final is not None and leaf.final.state == SUCCESS}
    members = {leaf.id for leaf in leaves}
    workflow = find_own(result.app, result.id) if result.id and leaves and leaves[0].is_stored else None
    if workflow is not None:
        members |= workflow.tasks.keys()
        succeeded |= {id for id in workflow.tasks if workflow[id].state == SUCCESS}
    ended = {leaf.id for leaf in leaves if leaf.final is not None}
    yield len(succeeded), len(members)
    if not awaited:
        return
    with leaves[0].backend.watch(list(members - ended)) as watch:
        while awaited:
            left = LONGEST_WAIT if deadline is None else max(0.0, min(LONGEST_WAIT, deadline - time.monotonic()))
            before = len(succeeded)
            for outcome in watch.changes(left):
                if outcome.state in READY_STATES:
                    awaited.discard(outcome.id)
                if outcome.state == SUCCESS:
                    succeeded.add(outcome.id)
            if (
                not awaited
                and succeeded.issuperset(leaf.id for leaf in leaves)
                and result.id == getattr(workflow, "id", None)
            ):
                succeeded |= members  # what is before it has succeeded, whether its outcome is kept or not
            if len(succeeded) != before:
                yield len(succeeded), len(members)
            if awaited and deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(
                    f"{len(members) - len(succeeded)} of {len(members)} tasks were not done within {timeout:g} s; they go on"
                )
