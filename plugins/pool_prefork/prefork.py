"""The pool ``prefork``: a supervisor of child processes, each running a lane of its own."""

from __future__ import annotations

import gc
import logging
import math
import select
import signal
import time
from collections.abc import Iterator

from kernelq import KernelQError
from kernelq.contracts import Admit
from kernelq.pools import Pool, PoolHost, Stop

from .burials import Burials
from .deadlines import LOOK_EVERY, Due
from .doorbell import Doorbell
from .fates import describe_end, fates_of
from .lifeline import Lifeline
from .page import Farewell
from .process import ChildProcess
from .slot import Slot

log = logging.getLogger("kernelq.worker")


class PreforkPool(Pool):
    """Forks `host.concurrency` children and looks after them: replaces the dead, keeps time limits, stops all.

    One loop on one thread. It sleeps until a child ends, somebody rings the doorbell, or something is
    due, and at most `LOOK_EVERY` seconds.
    """

    limits = True
    processes = True

    def __init__(self, host: PoolHost) -> None:
        super().__init__(host)
        self.lanes = host.concurrency
        self._asked = Stop.NOT  # written by `stop`, from anywhere
        self._stopping = Stop.NOT  # how far the loop has gone about it
        self._give_up_at = math.inf  # when a warm stop becomes a quick one
        self._doorbell = Doorbell()
        self._burials = Burials(host)
        self._slots: list[Slot] = []

    def run(self) -> None:
        """Supervise until stopped and every child is gone."""
        lifeline = Lifeline()
        self._slots = [
            Slot(self.host, index, doorbell=self._doorbell, lifeline=lifeline) for index in range(self.lanes)
        ]
        self._prepare()
        # The collector would write to every object once, and so copy what parent and children could share.
        gc.freeze()
        try:
            while not (self._asked and self._is_empty()):
                self._step(time.monotonic())
        finally:
            self._end()
            lifeline.close()
            gc.unfreeze()

    def _prepare(self) -> None:
        """Make once what every child needs to take its first message: it is imported, and its memory shared."""
        try:
            Admit(self.host.app, self.host.hostname)
        except KernelQError:
            pass  # it says so itself, in each child that tries

    def stop(self, how: Stop) -> None:
        """Ask the loop to end: WARM lets children finish what they run, QUICK kills them. See `Pool.stop`."""
        self._asked = max(self._asked, how)
        self._doorbell.ring()

    # --- the loop

    def _step(self, now: float) -> None:
        self._obey(now)
        for slot in self._slots:
            self._look_at(slot, now)
        if not self._asked:
            self._fill(now)
        if now >= self._burials.next():
            self._burials.retry(now)
        if not (self._asked and self._is_empty()):
            self._sleep()

    def _obey(self, now: float) -> None:
        """Begin to stop, or stop harder, when asked to."""
        if now >= self._give_up_at:
            log.warning("children still run after worker_shutdown_timeout; killing them, their messages go back")
            self._asked = Stop.QUICK
        if self._asked is Stop.WARM and self._stopping is Stop.NOT:
            self._stopping = Stop.WARM
            patience: float | None = self.host.app.conf.worker_shutdown_timeout
            self._give_up_at = math.inf if patience is None else now + patience
            for child in self._children():
                child.send(signal.SIGTERM)
        elif self._asked is Stop.QUICK and self._stopping is not Stop.QUICK:
            self._stopping = Stop.QUICK
            self._give_up_at = math.inf
            for child in self._children():
                child.kill()

    def _look_at(self, slot: Slot, now: float) -> None:
        child = slot.child
        if child is None:
            return
        code = child.reap()
        if code is not None:
            self._bury(slot, child, code, now)
            slot.empty()
            return
        if not child.is_ready and child.page.is_ready:
            child.is_ready = True
            self.host.is_ready(slot.index)
        if not child.is_killed:
            _keep_limits(child, now)

    def _fill(self, now: float) -> None:
        for slot in self._slots:
            if slot.child is None and now >= slot.fork_at:
                slot.fork(now)

    def _sleep(self) -> None:
        bells = select.poll()
        bells.register(self._doorbell, select.POLLIN)
        for child in self._children():
            if child.sentinel is not None:
                bells.register(child.sentinel, select.POLLIN)
        seconds = min(LOOK_EVERY, self._next_due() - time.monotonic())
        bells.poll(max(0, math.ceil(seconds * 1000)))
        self._doorbell.quiet()

    def _next_due(self) -> float:
        due = min(self._give_up_at, self._burials.next())
        for slot in self._slots:
            if slot.child is None:
                due = due if self._asked else min(due, slot.fork_at)
            elif not slot.child.is_killed:
                due = min(due, slot.child.deadlines.next(slot.child.page.run()))
        return due

    # --- children

    def _children(self) -> Iterator[ChildProcess]:
        return (slot.child for slot in self._slots if slot.child is not None)

    def _is_empty(self) -> bool:
        return not any(self._children())

    def _bury(self, slot: Slot, child: ChildProcess, code: int, now: float) -> None:
        """Settle what a child that ended leaves behind, and judge whether the next one may follow at once."""
        if child.page.farewell and code == 0:
            self.host.drop(child.consumer_id)
            log.info("%s ended: %s", child, _FAREWELLS[child.page.farewell])
            slot.note_success()
            return
        self._burials.add(child.consumer_id, fates_of(child, code), now)
        if child.has_proved_itself(now):
            slot.note_success()
        elif not self._asked:
            slot.note_failure(now, describe_end(code))

    def _end(self) -> None:
        """Leave nothing behind; only after an error of the loop are there children left to kill."""
        now = time.monotonic()
        for child in self._children():
            child.kill()
        for slot in self._slots:
            if slot.child is not None:
                code = slot.child.reap(wait=True) or 0
                self._burials.add(slot.child.consumer_id, fates_of(slot.child, code), now)
                slot.empty()
        self._burials.close(now)
        self._doorbell.close()


_FAREWELLS = {
    Farewell.STOPPED: "it was told to stop",
    Farewell.TASKS: "it has run worker_max_tasks_per_child tasks",
    Farewell.MEMORY: "it is larger than worker_max_memory_per_child",
}


def _keep_limits(child: ChildProcess, now: float) -> None:
    run = child.page.run()
    due = child.deadlines.judge(run, now)
    if run is None or due is Due.NOTHING:
        return
    if due is Due.SOFT:
        log.warning("soft time limit of %g s passed in %s: %s", run.soft, child, run)
        child.page.aim(run.number)
        child.send(signal.SIGUSR1)
    else:
        log.error("hard time limit of %g s passed in %s: %s; killing it", run.hard, child, run)
        child.overdue = run
        child.kill()
