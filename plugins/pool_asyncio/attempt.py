"""The attempt: one delivery from its beginning to its end, on the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor as Threads
from contextvars import Context, copy_context
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar

from kernelq import SoftTimeLimitExceeded
from kernelq.contracts import Delivery, Executor, Message, Run, TimeLimitExceeded, Transition, Verdict
from kernelq.coroutines import Interruptible

from .timed_out import timed_out

if TYPE_CHECKING:
    from .lane import AsyncioLane

log = logging.getLogger("kernelq.worker")

T = TypeVar("T")

_MISSING = object()


class Attempt:
    """Runs one delivery whose task is a coroutine. Used on the loop's thread."""

    __slots__ = ("_aside", "_delivery", "_executor", "_is_given_up", "_is_inside", "_is_over", "_lane", "_task")

    def __init__(self, lane: AsyncioLane, executor: Executor, delivery: Delivery, aside: Threads) -> None:
        self._lane = lane
        self._executor = executor
        self._delivery = delivery
        self._aside = aside  # threads for what must not block the loop
        self._is_inside = False  # the task's own coroutine runs
        self._is_over = False  # `end` was called
        self._is_given_up = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    def give_up(self) -> None:
        """Cancel the task's coroutine; the message goes back."""
        if self._is_inside:
            self._is_given_up = True
            self._task.cancel()

    async def _run(self) -> None:
        delivery = self._delivery
        try:
            transition = await self._live()
        except Exception as error:  # noqa: BLE001  (logged, told to plugins and charged)
            transition = self._lane.after_error(self._executor, delivery, error)
        except asyncio.CancelledError:
            transition = Transition(delivery=delivery, verdict=Verdict.REQUEUE)  # the loop ends
        self._end(transition)
        self._lane.gone(self)

    def _end(self, transition: Transition | None) -> None:
        if not self._is_over:
            self._is_over = True
            self._lane.end(self._delivery, transition)

    async def _live(self) -> Transition | None:
        executor = self._executor
        if self._lane.stopping:
            return Transition(delivery=self._delivery, verdict=Verdict.REQUEUE)  # not begun
        run = await self._do(executor.begin, self._delivery, blocks=self._begins_with_a_round_trip())
        if not isinstance(run, Run):
            return run
        try:
            value = executor.call(run)
            if type(value) is CoroutineType:
                value = await self._within_limits(run, value)
        except BaseException as error:  # noqa: BLE001  (whatever a task raises ends that task, never the loop)
            if self._is_given_up:
                return Transition(delivery=self._delivery, verdict=Verdict.REQUEUE)
            return None if self._is_over else await self._do(executor.fail, run, error, blocks=_ends_aside(run))
        # Over already: its hard limit came first, and whatever it returns is too late.
        return None if self._is_over else await self._do(executor.succeed, run, value, blocks=_ends_aside(run))

    async def _within_limits(self, run: Run, coroutine: Coroutine[Any, Any, Any]) -> Any:
        hard, soft = run.task.limits(run.request)
        self._is_inside = True
        if hard is None and soft is None:
            try:
                return await coroutine
            finally:
                self._is_inside = False
        loop, interruptible = asyncio.get_running_loop(), Interruptible(coroutine)
        timers: list[asyncio.TimerHandle] = []
        if soft is not None:
            error = SoftTimeLimitExceeded(soft)
            timers.append(loop.call_later(soft, interruptible.interrupt, self._task, error))
        if hard is not None:
            timers.append(loop.call_later(hard, self._time_out, run, hard))
        try:
            return await interruptible.run()
        finally:
            self._is_inside = False
            for timer in timers:
                timer.cancel()

    def _time_out(self, run: Run, limit: float) -> None:
        """The hard limit: its failure is stored now, whatever the coroutine makes of being cancelled."""
        request = run.request
        log.error("task %s[%s] ran over its hard time limit of %g s and is cancelled", run.task.name, request.id, limit)
        self._is_over = True
        self._task.cancel()
        self._lane.keep(asyncio.get_running_loop().create_task(self._end_timed_out(run, limit)))

    async def _end_timed_out(self, run: Run, limit: float) -> None:
        error = TimeLimitExceeded(f"the hard time limit of {limit:g} s passed")
        try:
            transition = await self._do(timed_out, self._lane, run, error, blocks=True)
        except Exception as broken:  # noqa: BLE001  (logged, told to plugins and charged)
            transition = self._lane.after_error(self._executor, self._delivery, broken)
        self._lane.end(self._delivery, transition)

    async def _do(self, step: Callable[..., T], *args: Any, blocks: bool) -> T:
        """Do a step of the executor: here, or on a thread when it would make the loop wait."""
        if not blocks:
            return step(*args)
        context = copy_context()
        done = asyncio.get_running_loop().run_in_executor(self._aside, context.run, step, *args)
        value = await asyncio.shield(done)
        _adopt(context)
        return value

    def _begins_with_a_round_trip(self) -> bool:
        message = self._delivery.message
        task = self._lane.tasks.get(message.task) if isinstance(message, Message) else None
        if task is None:
            return False
        return self._delivery.suspect or bool(task.option("track_started")) or not task.option("acks_late")


def _ends_aside(run: Run) -> bool:
    """Whether the end of a run may commit at once, or calls handlers of the task."""
    return run.acked or bool(run.task.handlers) or bool(run.request.embed.get("errbacks"))


def _adopt(context: Context) -> None:
    """Set here what was set in a copy of this context."""
    for variable, value in context.items():
        if variable.get(_MISSING) is not value:
            variable.set(value)
