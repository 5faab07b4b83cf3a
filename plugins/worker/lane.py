"""The solo lane: one consume loop that runs tasks on its own thread.

Fetch much, hold little: as many messages as it expects to finish within `FETCH_AHEAD`, judged by the
run times just seen. While a task runs, a watcher thread settles what is done and, once the task turns
out long, gives the messages waiting behind it to other lanes. The watcher sleeps while the lane is idle.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from kernelq import KernelQ
from kernelq.contracts import (
    Abandoned,
    BrokerUnavailable,
    Consumer,
    Delivery,
    Executor,
    Settler,
    Transition,
    Verdict,
    intervals,
)

from .held import Held
from .outage import FETCH_WAIT, UNAVAILABLE, WAITS
from .pools import Stop, Tracker

log = logging.getLogger("kernelq.worker")

FETCH_AHEAD = 0.05
"""Seconds of work a lane takes at once. A batch then costs few round trips and nobody waits long behind it."""

FEW = 32
LINGER = 0.002
"""Where messages come one by one and nobody waits for results, a lane that found fewer than `FEW` and ran them within `LINGER`
seconds rests for as long before it acknowledges them and looks for more: one round trip then serves many, and
the time goes to whoever publishes."""

FIRST_GUESS = 0.005
"""Seconds a task is thought to take before any has run."""


class SoloLane:
    """Consumes `queues` under the lease `consumer_id` until stopped."""

    def __init__(
        self,
        app: KernelQ,
        hostname: str,
        queues: tuple[str, ...],
        consumer_id: str,
        *,
        tracker: Tracker | None = None,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._app = app
        self._hostname = hostname
        self._queues = queues
        self._id = consumer_id
        self._tracker = tracker
        self._on_ready = on_ready
        self._stop = Stop.NOT
        self._batch: int = app.conf.worker_batch
        self._settle_delay: float = app.conf.worker_settle_delay
        self._long_task: float = app.conf.worker_long_task
        self._is_away = False  # the broker or the backend, at the last look
        self._waits = intervals(*WAITS)
        self._consumer: Consumer | None = None
        self._settler: Settler | None = None
        self._executor: Executor | None = None
        self._held = Held()
        self._waiting: deque[Delivery] = deque()
        self._run_time = FIRST_GUESS
        self._began = 0.0  # when the running task began, monotonic; 0 while none runs. Written by the loop.
        self._thread = 0  # the thread in `run`; only there a task may be abandoned
        self._settling = threading.RLock()  # held around every use of the consumer, except fetch
        self._busy = threading.Event()
        self._ended = threading.Event()

    # --- the pool's side

    def run(self) -> None:
        """Consume until stopped. The broker away is waited out; what is done is kept until it is settled."""
        self._thread = threading.get_ident()
        self._ended.clear()
        watcher = threading.Thread(target=self._watch, name=f"lane-watcher-{self._id}", daemon=True)
        watcher.start()
        try:
            while not self._stop:
                try:
                    self._consume()
                except UNAVAILABLE as error:
                    self._busy.clear()
                    self._is_away = True
                    if isinstance(error, BrokerUnavailable):
                        self._lose_consumer()
                    wait = next(self._waits)
                    log.warning("lost the broker or the backend, trying again in %.1f s: %s", wait, error)
                    self._ended.wait(wait)
                except Abandoned:
                    break
        finally:
            self._ended.set()
            self._busy.set()
            watcher.join()
            self._close()

    def stop(self, how: Stop) -> None:
        """End `run`. From any thread."""
        self._stop = max(self._stop, how)
        consumer = self._consumer
        if consumer is not None:
            consumer.wake()

    def abandon(self) -> None:
        """Break out of the running task, if one runs; on the thread of `run`, from an OS signal handler."""
        self._stop = Stop.QUICK
        if self._began and threading.get_ident() == self._thread:
            raise Abandoned

    # --- the loop

    def _consume(self) -> None:
        consumer, flows = self._open(), False  # whether there was more at once when the last was settled
        while not self._stop:
            if not self._waiting:
                self._waiting.extend(consumer.fetch(self._limit(), FETCH_WAIT))
                if self._is_away:
                    self._is_away, self._waits = False, intervals(*WAITS)
            if not self._waiting:
                continue
            self._busy.set()
            begun = time.monotonic()
            done = self._drain()
            seconds = time.monotonic() - begun
            if done:
                self._learn(seconds / done)
            if flows and done < FEW and seconds < LINGER and self._held.is_plain and not self._stop:
                time.sleep(LINGER)
            self._flush(0 if self._stop else self._limit())
            flows = bool(self._waiting)
            if not flows:
                self._busy.clear()

    def _drain(self) -> int:
        """Run what waits; return how many ran."""
        assert self._executor is not None
        run = self._executor.run
        held, waiting = self._held, self._waiting
        done = 0
        while waiting and not self._stop:
            if held and time.monotonic() - held.since > self._settle_delay:
                self._flush()  # before the next one is taken, which would be forgotten if this failed
            try:
                delivery = waiting.popleft()
            except IndexError:
                break  # the watcher was quicker
            self._began = time.monotonic()
            try:
                transition = run(delivery)
            except UNAVAILABLE:
                self._waiting.appendleft(delivery)  # nothing of it was committed; it runs again from the start
                raise
            except Exception as error:  # noqa: BLE001  (logged, told to plugins and charged)
                transition = self._executor.internal_error(delivery, error)
            finally:
                self._began = 0.0
            if transition is not None:
                held.add(transition)
            done += 1
        if self._stop:
            self._give_back()
        return done

    def _limit(self) -> int:
        return max(1, min(self._batch, int(FETCH_AHEAD / self._run_time)))

    def _learn(self, seconds: float) -> None:
        # Up at once, so that long tasks are not hoarded; down by halves, so that one quick task proves little.
        seconds = max(seconds, 1e-6)
        self._run_time = seconds if seconds > self._run_time else (self._run_time + seconds) / 2

    # --- settling; on the loop's thread or the watcher's, never both

    def commit(self, transition: Transition) -> bool:
        """Settle one transition now, after those that wait; False when it was refused."""
        with self._settling:
            self._flush()
            assert self._settler is not None
            return not self._settler.settle([transition])

    def commit_detached(self, transition: Transition) -> None:
        """Publish and store what an attempt caused whose delivery is acknowledged already."""
        with self._settling:
            assert self._settler is not None
            self._settler.detached(transition.successors, transition.effects)

    def mark_started(self, delivery: Delivery) -> None:
        """Write down that this delivery begins to run."""
        with self._settling:
            self._flush()  # first: should this run end the process, those done before must not be charged with it
            assert self._consumer is not None
            self._consumer.mark_started([delivery])

    def _flush(self, limit: int = 0) -> None:
        """Settle what is done; with a `limit`, on the loop's thread, take that many more if both is one round trip."""
        with self._settling:
            taken = self._held.take()
            if not taken:
                return
            assert self._settler is not None
            try:
                self._waiting.extend(self._settler.exchange(taken, limit)[1])
            except BaseException:  # it goes on; nothing that is done may be forgotten
                self._held.put_back(taken)  # settled again once the engine is back
                raise
        if self._tracker is not None:
            self._tracker.settled(len(taken))

    def _give_back(self) -> None:
        """Hand what waits to other lanes, at its old place."""
        with self._settling:
            given: list[Transition] = []
            while self._waiting:
                try:
                    given.append(Transition(delivery=self._waiting.pop(), verdict=Verdict.REQUEUE))
                except IndexError:
                    break
            if not given:
                return
            assert self._settler is not None
            try:
                self._settler.settle(given)
            except BaseException:  # it goes on; nothing that is held may be forgotten
                self._waiting.extend(transition.delivery for transition in reversed(given))
                raise

    def _watch(self) -> None:
        """The watcher: while the loop is inside a task, settle what is done, give away what waits."""
        while not self._ended.is_set():
            self._busy.wait()
            self._ended.wait(max(self._settle_delay, 0.001))
            began = self._began
            if not began:
                continue
            inside = time.monotonic() - began
            try:
                if inside > self._settle_delay and self._held:
                    self._flush()
                if inside > self._long_task and self._waiting:
                    self._run_time = max(self._run_time, inside)
                    self._give_back()
            except UNAVAILABLE as error:
                log.warning("settling while a task runs failed, trying again: %s", error)
                self._ended.wait(1.0)

    # --- the consumer

    def _open(self) -> Consumer:
        with self._settling:
            if self._consumer is None:
                self._consumer = self._app.broker.consumer(self._queues, id=self._id, lease=self._app.conf.worker_lease)
                self._settler = Settler(self._app, self._consumer)
                self._executor = Executor(self._app, self._hostname, self, self._tracker)
                if self._waiting:
                    self._waiting = deque(self._consumer.held(list(self._waiting)))
                self._on_ready()
            self._flush()
            return self._consumer

    def _lose_consumer(self) -> None:
        # Made anew by the next `_open`; what it held stays leased to the same id, where the engine keeps leases.
        with self._settling:
            if self._consumer is not None:
                self._consumer.discard()
            self._consumer = None

    def _close(self) -> None:
        if self._executor is None:
            return  # never opened
        try:
            consumer = self._open()
            self._give_back()
            consumer.close()
        except UNAVAILABLE as error:
            log.warning("could not give everything back; it is run again when the lease ends: %s", error)
        self._consumer = None
