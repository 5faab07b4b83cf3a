"""The lane of coroutines: fetches and settles on its own thread, runs tasks on the event loop and beside it."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from kernelq.contracts import Delivery, Executor, Message, Transition, Verdict
from kernelq.pools import SlotLane, Stop

from .attempt import Attempt
from .event_loop import EventLoop

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernelq import KernelQ, Task

log = logging.getLogger("kernelq.worker")

FETCH_MOST: Final = 1000
"""Deliveries taken at once: more would hold up the engine and the loop for longer than a batch saves."""

BEGIN_AT_ONCE: Final = 100
"""Tasks begun in one turn of the loop, some 5 ms of it; those that run come in between."""

GRACE: Final = 1.0
"""Seconds cancelled coroutines have to clean up at a quick stop."""


class AsyncioLane(SlotLane):
    """Runs up to `slots` tasks at once: coroutines on `events`, other functions on `functions` threads at most."""

    def __init__(
        self,
        app: KernelQ,
        *,
        hostname: str,
        queues: tuple[str, ...],
        consumer_id: str,
        events: EventLoop,
        slots: int,
        threads: int,
        on_ready: Callable[[], None],
    ) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="slot")
        # Apart, so that the end of a coroutine never waits for a function that takes long.
        self._aside = ThreadPoolExecutor(threads, thread_name_prefix="aside")
        super().__init__(
            app, hostname=hostname, queues=queues, consumer_id=consumer_id, submit=self._submit_function, slots=slots,
            on_ready=on_ready,
        )  # fmt: skip
        self.app = app
        self.hostname = hostname
        self.tasks: dict[str, Task[..., Any]] = app.tasks
        self._events = events
        self._most_functions = threads
        self._functions: set[int] = set()  # ids of deliveries on `_threads`
        self._has_functions = False  # among what was fetched last
        self._is_coroutine: dict[str, bool] = {}
        self._settle_delay: float = app.conf.worker_settle_delay
        self._attempts: set[Attempt] = set()  # the loop's
        self._kept: set[asyncio.Task[Any]] = set()  # the loop's
        self._is_waking = False  # the loop's: `wake` is called soon
        self._idle = threading.Event()  # no attempt is left, at a quick stop

    # --- on the lane's thread

    def room(self) -> int:
        free = min(super().room(), FETCH_MOST)
        return min(free, self._most_functions - len(self._functions)) if self._has_functions else free

    def begin(self, deliveries: list[Delivery]) -> None:
        coroutines = [delivery for delivery in deliveries if self._runs_on_loop(delivery)]
        if len(coroutines) < len(deliveries):
            chosen = set(map(id, coroutines))
            self._begin_functions([delivery for delivery in deliveries if id(delivery) not in chosen])
        else:
            self._has_functions = bool(self._functions)
        if coroutines:
            self._events.call(self._begin_attempts, self.executor, coroutines)

    def give_up(self) -> None:
        self._idle.clear()
        if self._events.call(self._cancel_attempts):
            self._idle.wait(GRACE)

    def close(self) -> None:
        """End the threads beside the loop; those inside a task end with it."""
        self._threads.shutdown(wait=self.stopping is not Stop.QUICK)
        self._aside.shutdown(wait=self.stopping is not Stop.QUICK)

    def busy(self) -> tuple[int, int]:
        """How many coroutines and how many functions still run."""
        return len(self._attempts), len(self._functions)

    def _begin_functions(self, deliveries: list[Delivery]) -> None:
        """Run as many as there are threads for; the others go back, to who has threads."""
        self._has_functions = True
        room = self._most_functions - len(self._functions)
        self._functions.update(map(id, deliveries[:room]))
        super().begin(deliveries[:room])
        for delivery in deliveries[room:]:
            super().end(delivery, Transition(delivery=delivery, verdict=Verdict.REQUEUE))

    def _runs_on_loop(self, delivery: Delivery) -> bool:
        message = delivery.message
        if not isinstance(message, Message):
            return True  # goes to the dead letters, which takes no time
        known = self._is_coroutine.get(message.task)
        if known is None:
            task = self.tasks.get(message.task)
            if task is None:
                return True  # is parked
            known = self._is_coroutine[message.task] = inspect.iscoroutinefunction(inspect.unwrap(task.run))
            if not known and (task.option("time_limit") or task.option("soft_time_limit")):
                log.warning(
                    "the time limits of %s are not kept: it is no coroutine, and nothing ends a thread", task.name
                )
        return known

    def _submit_function(self, work: Callable[[], None]) -> None:
        self._threads.submit(work)

    # --- on the event loop, and for functions on their threads

    def end(self, delivery: Delivery, transition: Transition | None) -> None:
        was_full = self.room() <= 0
        super().end(delivery, transition)
        if id(delivery) in self._functions:
            self._functions.discard(id(delivery))  # its thread wakes the lane
        elif not self._is_waking:
            # Others end soon, and are settled with this one; a full lane waits for nothing but a free slot.
            self._is_waking = True
            loop = asyncio.get_running_loop()
            loop.call_later(0.0 if was_full or self.stopping else self._settle_delay, self._wake_once)

    def gone(self, attempt: Attempt) -> None:
        """An attempt has ended, and its coroutine with it."""
        self._attempts.discard(attempt)
        if not self._attempts:
            self._idle.set()

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Hold on to a task of the loop until it has ended; the loop itself does not."""
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)

    def _begin_attempts(self, executor: Executor, deliveries: list[Delivery]) -> None:
        first, rest = deliveries[:BEGIN_AT_ONCE], deliveries[BEGIN_AT_ONCE:]
        self._attempts.update(Attempt(self, executor, delivery, self._aside) for delivery in first)
        if rest:
            asyncio.get_running_loop().call_soon(self._begin_attempts, executor, rest)

    def _cancel_attempts(self) -> None:
        for attempt in self._attempts:
            attempt.give_up()
        if not self._attempts:
            self._idle.set()

    def _wake_once(self) -> None:
        self._is_waking = False
        self.wake()
