"""The lane with slots: one consume loop whose tasks run elsewhere, many at once. For pools, which may subclass it.

The loop's thread owns the consumer: it fetches for free slots, and settles what the slots have finished.
A slot that finishes wakes it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from kernelq import KernelQ
from kernelq.contracts import BrokerUnavailable, Consumer, Delivery, Executor, Settler, Transition, Verdict, intervals

from .held import Held
from .outage import FETCH_WAIT, UNAVAILABLE, WAITS
from .stop import Stop

log = logging.getLogger("kernelq.worker")

AGAIN_AFTER: Final = 1.0
"""Seconds until an attempt is made again of which nothing could be committed."""

T = TypeVar("T")


class SlotLane:
    """Consumes `queues` under the lease `consumer_id`; `submit` hands a callable to one of `slots` threads.

    A subclass whose slots are no threads overrides `begin`, and calls `end` for each delivery.
    """

    def __init__(
        self,
        app: KernelQ,
        *,
        hostname: str,
        queues: tuple[str, ...],
        consumer_id: str,
        submit: Callable[[Callable[[], None]], None],
        slots: int,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._app = app
        self._hostname = hostname
        self._queues = queues
        self._id = consumer_id
        self._submit = submit
        self._slots = slots
        self._on_ready = on_ready
        self._stop = Stop.NOT
        self._has_ended = False
        self._held = Held()
        self._running: dict[int, Delivery] = {}  # fetched and not finished; written by the loop and the slots
        self._changed = threading.Condition()
        self._asked: deque[tuple[Future[Any], Callable[[], Any]]] = deque()  # what slots want done on the loop's thread
        self._is_away = False  # the broker or the backend, at the last look
        self._waits = intervals(*WAITS)
        self._consumer: Consumer | None = None
        self._settler: Settler | None = None
        self._executor: Executor | None = None

    def run(self) -> None:
        """Consume until stopped; then let what runs finish, unless the stop is quick."""
        while not self._stop:
            try:
                self._consume()
            except UNAVAILABLE as error:
                self._is_away = True
                if isinstance(error, BrokerUnavailable):
                    self._lose_consumer()
                wait = next(self._waits)
                log.warning("lost the broker or the backend, trying again in %.1f s: %s", wait, error)
                with self._changed:
                    self._changed.wait_for(lambda: bool(self._stop), wait)
        self._finish()

    def stop(self, how: Stop) -> None:
        """End `run`. From any thread."""
        self._stop = max(self._stop, how)
        self.wake()

    def _consume(self) -> None:
        consumer = self._open()
        while not self._stop:
            self._flush()
            free = self.room()
            if free <= 0:
                with self._changed:
                    self._changed.wait_for(lambda: self._stop or self._asked or len(self._held) or self.room() > 0)
                continue
            deliveries = consumer.fetch(free, FETCH_WAIT)
            if self._is_away:
                self._is_away, self._waits = False, intervals(*WAITS)
            if deliveries:
                self._running.update((id(delivery), delivery) for delivery in deliveries)
                self.begin(deliveries)

    def room(self) -> int:
        """How many deliveries may be fetched now."""
        return self._slots - len(self._running)

    def begin(self, deliveries: list[Delivery]) -> None:
        """Have these run. On the loop's thread, which must not wait for them."""
        for delivery in deliveries:
            self._submit(self._work_of(delivery))

    def end(self, delivery: Delivery, transition: Transition | None) -> None:
        """A delivery has run: free its slot, and settle the transition soon (None: it is settled). From any thread."""
        self._running.pop(id(delivery), None)
        if transition is not None:
            self._held.add(transition)

    def give_up(self) -> None:
        """End what runs, as far as it can be, before a quick stop gives it all back. On the loop's thread."""

    @property
    def stopping(self) -> Stop:
        """How hard it was asked to stop."""
        return self._stop

    @property
    def executor(self) -> Executor:
        """What runs deliveries; a new one after a lost connection."""
        assert self._executor is not None
        return self._executor

    def _work_of(self, delivery: Delivery) -> Callable[[], None]:
        executor = self.executor

        def work() -> None:
            try:
                if self._stop is Stop.QUICK:
                    transition: Transition | None = Transition(delivery=delivery, verdict=Verdict.REQUEUE)
                else:
                    transition = executor.run(delivery)
            except Exception as error:  # noqa: BLE001  (logged, told to plugins and charged)
                transition = self.after_error(executor, delivery, error)
            self.end(delivery, transition)
            self.wake()

        return work

    def after_error(self, executor: Executor, delivery: Delivery, error: Exception) -> Transition:
        """What becomes of a delivery whose run raised an error around the task."""
        if isinstance(error, UNAVAILABLE):
            log.warning("nothing of %s could be committed, it runs again: %s", delivery.message, error)
            return Transition(delivery=delivery, verdict=Verdict.PARK, delay=AGAIN_AFTER)
        return executor.internal_error(delivery, error)

    def wake(self) -> None:
        """Have the loop look at what ended and what is asked. From any thread."""
        consumer = self._consumer
        if consumer is not None:
            consumer.wake()
        with self._changed:
            self._changed.notify_all()

    # --- settling; what slots ask for is done on the loop's thread, which alone uses the consumer

    def commit(self, transition: Transition) -> bool:
        """Settle one transition now; False when it was refused. On a slot's thread."""
        return self._on_loop(lambda: not self._settle([transition]))

    def commit_detached(self, transition: Transition) -> None:
        """Publish and store what an attempt caused whose delivery is acknowledged already. On a slot's thread."""
        assert self._settler is not None
        self._settler.detached(transition.successors, transition.effects)

    def mark_started(self, delivery: Delivery) -> None:
        """Write down that this delivery begins to run. On a slot's thread."""

        def mark() -> None:
            self._settle_held()  # first: should this run end the process, those done must not be charged with it
            assert self._consumer is not None
            self._consumer.mark_started([delivery])

        self._on_loop(mark)

    def _on_loop(self, call: Callable[[], T]) -> T:
        """What `call` gives, done by the loop, which is woken for it."""
        future: Future[T] = Future()
        self._asked.append((future, call))
        if self._has_ended:  # after the append: either it is seen here or `_finish` sees the question
            raise _ended()
        self.wake()
        return future.result()

    def _settle(self, transitions: list[Transition]) -> list[Delivery]:
        assert self._settler is not None
        return self._settler.settle(transitions)

    def _flush(self) -> None:
        """Do what slots asked for, then settle what they finished."""
        while self._asked:
            future, call = self._asked.popleft()
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001  (it is raised again in the slot that asked)
                future.set_exception(error)
        self._settle_held()

    def _settle_held(self) -> None:
        taken = self._held.take()
        if not taken:
            return
        try:
            self._settle(taken)
        except BaseException:  # it goes on; nothing that is done may be forgotten
            self._held.put_back(taken)  # settled again once the engine is back
            raise

    # --- the consumer

    def _open(self) -> Consumer:
        if self._consumer is None:
            self._consumer = self._app.broker.consumer(self._queues, id=self._id, lease=self._app.conf.worker_lease)
            self._settler = Settler(self._app, self._consumer)
            self._executor = Executor(self._app, self._hostname, self)
            self._on_ready()
        return self._consumer

    def _lose_consumer(self) -> None:
        # Made anew by the next `_open`; what it held stays leased to the same id, where the engine keeps leases.
        if self._consumer is not None:
            self._consumer.discard()
        self._consumer = None

    def _finish(self) -> None:
        """Wait for what runs, settle it, give the rest back; a quick stop does not wait."""
        try:
            consumer = self._open()
            while self._stop is not Stop.QUICK and (self._running or self._held or self._asked):
                self._flush()
                with self._changed:
                    self._changed.wait_for(
                        lambda: self._stop is Stop.QUICK or not self._running or self._asked or len(self._held), 1.0
                    )
            if self._stop is Stop.QUICK:
                self.give_up()
            self._flush()
            consumer.close()
        except UNAVAILABLE as error:
            log.warning("could not give everything back; it is run again when the lease ends: %s", error)
        self._has_ended = True
        while self._asked:
            self._asked.popleft()[0].set_exception(_ended())


def _ended() -> BrokerUnavailable:
    return BrokerUnavailable("the lane has ended; the message was given back")
