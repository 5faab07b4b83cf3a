"""Waiting for results in a coroutine: the loop goes on, and one waiter watches for all who await."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from kernelq.contracts import BackendError, Outcome
from kernelq.errors import TimeoutError

from .waiter import waiter_of
from .waiting import failed, late, look, pauses_beside

if TYPE_CHECKING:
    from .result import AsyncResult


async def settled(
    results: Iterable[AsyncResult[Any]],
    timeout: float | None,
    enough: Callable[[AsyncResult[Any]], bool],
    about: AsyncResult[Any] | None = None,
    beside: Sequence[AsyncResult[Any]] = (),
) -> None:
    """Return when every result has ended, or `enough` is true of one that has, or one `beside` failed; these as in `drain`.

    Raises:
        TimeoutError: it took longer than `timeout` seconds; the tasks go on.
        BackendUnavailable: the backend is away.
    """
    results = list(results)
    if timeout is not None and timeout <= 0:
        await looked(results)
    waiting: dict[str, list[AsyncResult[Any]]] = {}
    for result in results:
        if result.final is None:
            waiting.setdefault(result.id, []).append(result)
        elif enough(result):
            return
    if not waiting:
        return
    first, total = next(iter(waiting.values()))[0], len(waiting)
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def hear(news: Outcome | Exception) -> bool:  # on the waiter's thread
        if not loop.is_closed():
            loop.call_soon_threadsafe(take, news)
        return False

    def take(news: Outcome | Exception) -> None:
        if done.done():
            return
        if isinstance(news, Exception):
            done.set_exception(news)
            return
        is_enough = False
        for result in waiting.pop(news.id, ()):
            result.settle(news)
            is_enough = is_enough or enough(result)
        if is_enough or not waiting:
            done.set_result(None)

    waiter = waiter_of(first.app, first.given_backend)
    waiter.listen(list(waiting), hear)
    looking = asyncio.ensure_future(_look_beside(beside, done)) if beside else None
    try:
        async with asyncio.timeout(timeout):
            await done
    except asyncio.TimeoutError as error:  # noqa: UP041  (ours is named so here)
        if beside and await _any_failed(beside):
            return
        raise TimeoutError(late(about, total, len(waiting), timeout)) from error
    finally:
        waiter.leave(list(waiting), hear)
        if looking is not None:
            looking.cancel()


async def _look_beside(results: Sequence[AsyncResult[Any]], done: asyncio.Future[None]) -> None:
    """End the waiting when one of these is found to have failed; a backend that is away is the waiter's to tell of."""
    for pause in pauses_beside(results):
        await asyncio.sleep(pause)
        try:
            found = await _any_failed(results)
        except BackendError:
            continue
        if found and not done.done():
            done.set_result(None)
            return


async def _any_failed(results: Sequence[AsyncResult[Any]]) -> bool:
    return await asyncio.get_running_loop().run_in_executor(None, lambda: any(True for _ in failed(results)))


async def looked(results: Iterable[AsyncResult[Any]]) -> None:
    """Ask the backend once, on another thread, for those whose end is not known."""
    unknown = [result for result in results if result.final is None]
    if unknown:
        await asyncio.get_running_loop().run_in_executor(None, look, unknown)
