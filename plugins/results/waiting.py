"""Looking at the outcomes of many results at once, and waiting for them: one question or one watch for all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kernelq.contracts import PROPAGATE_STATES, Backend, BackendUnavailable, Outcome
from kernelq.errors import BackendGetMetaError, TimeoutError

from .meta import meta_of

if TYPE_CHECKING:
    from kernelq import KernelQ

    from .handle import Handle
    from .result import AsyncResult
    from .tree import ResultBase

LONGEST_WAIT = 60.0
"""Seconds between two looks at the clock while nothing is heard and no timeout is set."""

BESIDE = 0.1
"""Seconds until the first look at what is looked at beside the waiting, for each thousand; twice as long before each next one."""
_SLICE = 1000
"""Of these, how many are asked for at once."""

INTERVAL = 0.5
"""Seconds between two calls of `on_interval`, unless `interval` says otherwise."""


def pauses(app: KernelQ) -> Iterator[float]:
    """Seconds to wait before each new try of a backend that is away; none unless `result_backend_always_retry` is set.

    Twice as long each time, from the base to the longest that the settings give.
    """
    conf = app.conf
    if not conf.result_backend_always_retry:
        return
    pause = conf.result_backend_base_sleep_between_retries_ms / 1000
    longest = conf.result_backend_max_sleep_between_retries_ms / 1000
    left = conf.result_backend_max_retries
    while left is None or left > 0:
        yield min(pause, longest)
        pause, left = min(pause * 2, longest), None if left is None else left - 1


def read(app: KernelQ, backend: Backend, ids: Collection[str]) -> dict[str, Outcome]:
    """What is stored of these tasks, by id, tried again as the settings say.

    Raises:
        BackendUnavailable: the backend is away, and `result_backend_always_retry` is off.
        BackendGetMetaError: it is away still after every retry.
    """
    tries = pauses(app)
    while True:
        try:
            return backend.get_many(ids)
        except BackendUnavailable as error:
            _pause(app, tries, error, ids)


def look(results: Iterable[Handle]) -> dict[str, Outcome]:
    """What is known of results now, by id, by one question; those that ended are told to themselves."""
    known: dict[str, Outcome] = {}
    asked: dict[str, list[Handle]] = {}
    for result in results:
        if result.final is not None:
            known[result.id] = result.final
        else:
            asked.setdefault(result.id, []).append(result)
    if asked:
        first = next(iter(asked.values()))[0]
        for id, outcome in read(first.app, first.backend, asked).items():
            known[id] = outcome
            for result in asked[id]:
                result.settle(outcome)
    return known


def forget(nodes: Iterable[ResultBase]) -> None:
    """Drop what is stored of results and their parents, in one go."""
    unique = {leaf.id: leaf for node in nodes for each in (node, *node.ancestors()) for leaf in each.leaves()}
    stored = [leaf for leaf in unique.values() if leaf.is_stored]
    for leaf in stored:
        leaf.final = None
    if stored:
        stored[0].backend.forget([leaf.id for leaf in stored])


def drain(
    results: Iterable[AsyncResult[Any]],
    *,
    timeout: float | None,
    about: AsyncResult[Any] | None = None,
    interval: float | None = None,
    on_message: Callable[[dict[str, Any]], Any] | None = None,
    on_interval: Callable[[], Any] | None = None,
    beside: Sequence[AsyncResult[Any]] = (),
) -> Generator[AsyncResult[Any]]:
    """Each result as its task ends, in that order, all waited for together; close it when you stop before its end.

    `about` is the one whose ending is asked for, if it is one. Those `beside` are not waited for, but looked at now and then,
    and one that has failed is given.

    Raises:
        TimeoutError: `timeout` seconds after it began some had not ended; their tasks go on.
        BackendUnavailable, BackendGetMetaError: as `read`.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    waiting: dict[str, list[AsyncResult[Any]]] = {}
    for result in results:
        if result.final is not None:
            yield result
        else:
            waiting.setdefault(result.id, []).append(result)
    if not waiting:
        return
    first, total = next(iter(waiting.values()))[0], len(waiting)
    app, step = first.app, LONGEST_WAIT if on_interval is None else (interval or INTERVAL)
    pauses_left = pauses_beside(beside)
    look_at = time.monotonic() + next(pauses_left) if beside else math.inf
    with first.backend.watch(list(waiting)) as watch:
        tries = pauses(app)
        while waiting:
            left = step if deadline is None else max(0.0, min(step, deadline - time.monotonic()))
            try:
                found = watch.changes(max(0.0, min(left, look_at - time.monotonic())))
            except BackendUnavailable as error:
                _pause(app, tries, error, waiting, left)
                found = []
            for outcome in found:
                if on_message is not None:
                    on_message(meta_of(app, outcome))
                if outcome.is_ready:
                    for result in waiting.pop(outcome.id, ()):
                        result.settle(outcome)
                        yield result
            is_late = deadline is not None and time.monotonic() >= deadline
            if waiting and beside and (is_late or time.monotonic() >= look_at):
                yield from failed(beside)
                look_at = time.monotonic() + next(pauses_left)
            if waiting and is_late:
                assert timeout is not None
                raise TimeoutError(late(about, total, len(waiting), timeout))
            if on_interval is not None:
                on_interval()


def pauses_beside(results: Sequence[AsyncResult[Any]]) -> Iterator[float]:
    """Seconds before each look at what is looked at beside the waiting; endless."""
    pause = BESIDE * (1 + len(results) // _SLICE)
    while True:
        yield pause
        pause *= 2


def failed(results: Sequence[AsyncResult[Any]]) -> Iterator[AsyncResult[Any]]:
    """Those that have ended with an error by now. Of the others nothing is kept: they may be very many."""
    for start in range(0, len(results), _SLICE):
        some = {result.id: result for result in results[start : start + _SLICE]}
        first = next(iter(some.values()))
        for id, outcome in read(first.app, first.backend, some).items():
            if outcome.state in PROPAGATE_STATES:
                some[id].settle(outcome)
                yield some[id]


def late(about: AsyncResult[Any] | None, total: int, missing: int, timeout: float | None) -> str:
    """What is said when time is up."""
    if about is not None:
        return f"task {about.task_name or ''}[{about.id}] was not done within {timeout:g} s; it goes on"
    return f"{missing} of {total} tasks were not done within {timeout:g} s; they go on"


def _pause(
    app: KernelQ, tries: Iterator[float], error: BackendUnavailable, ids: Collection[str], most: float = LONGEST_WAIT
) -> None:
    pause = next(tries, None)
    if pause is not None:
        time.sleep(min(pause, most))
        return
    if not app.conf.result_backend_always_retry:
        raise error
    task_id = next(iter(ids), None)
    raise BackendGetMetaError(
        f"the result backend is still away after {app.conf.result_backend_max_retries:g} retries: {error}", task_id
    ) from error
