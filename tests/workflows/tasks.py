"""The project the workflow tests run: a task for every fate, callbacks and error callbacks; each run is written down.

Environment: FAULTS_RUNS, the folder of the journal; FLOWS_MORTALITY, see `make_mortal`. Workers find this file in their working directory, so it imports
nothing beside it.
"""

from __future__ import annotations

import enum
import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from kernelq import Ignore, KernelQ, Reject, Task

JOURNAL = "journal"
"""The file in the folder of runs: a line of JSON for each run of anything."""

FOREVER = 60.0
"""Seconds a task sleeps that is to exceed its time limit."""


class Fate(enum.StrEnum):
    """What becomes of a task."""

    RETURN = "return"
    FAIL = "fail"
    RETRY = "retry"
    """Retries `Task.times` times, then returns."""
    RETRY_FAIL = "retry_fail"
    EXPIRE = "expire"
    REVOKE = "revoke"
    """Is revoked before anything is sent."""
    IGNORE = "ignore"
    REJECT = "reject"
    KILL_ONCE = "kill_once"
    """Kills its process in its first run, and returns in the next."""
    POISON = "poison"
    """Kills its process in every run."""
    TIME_OUT = "time_out"


class Planned(Exception):
    """A failure that was planned."""


class Tasks(NamedTuple):
    """The tasks of one app."""

    play: Task[..., Any]
    note: Task[..., Any]
    alarm: Task[..., Any]
    alarm_here: Task[..., Any]


def define(app: KernelQ) -> Tasks:
    """Register the tasks with an app."""

    @app.task(name="flows.play", bind=True, max_retries=None, throws=(Planned, Reject))
    def play(self: Any, *given: Any, place: str, fate: str, times: int = 0, seconds: float = 0.0) -> Any:
        _write("run", self.request.id, place, retries=self.request.retries)
        time.sleep(seconds)
        if fate == Fate.FAIL:
            raise Planned(place)
        if fate in (Fate.RETRY, Fate.RETRY_FAIL) and self.request.retries < times:
            raise self.retry(countdown=0)
        if fate == Fate.RETRY_FAIL:
            raise self.retry(exc=Planned(place), countdown=0, max_retries=times)
        if fate == Fate.IGNORE:
            raise Ignore(place)
        if fate == Fate.REJECT:
            raise Reject(place, requeue=False)
        if fate == Fate.POISON or (fate == Fate.KILL_ONCE and _is_first(self.request.id)):
            os.kill(os.getpid(), signal.SIGKILL)
        if fate == Fate.TIME_OUT:
            time.sleep(FOREVER)
        return made_of(place, given)

    @app.task(name="flows.note", bind=True)
    def note(self: Any, *given: Any, label: str) -> None:
        """A callback."""
        _write("link", self.request.id, label, given=list(given))

    @app.task(name="flows.alarm", bind=True)
    def alarm(self: Any, failed: str | None = None, *, label: str) -> None:
        """An error callback that is a task."""
        _write("error", self.request.id, label, failed=failed)

    @app.task(name="flows.alarm_here")
    def alarm_here(request: Any = None, error: Any = None, traceback: Any = None, *, label: str) -> None:
        """An error callback that is called where the task failed."""
        failed = None if request is None else request.id
        _write("error", f"{failed}, here", label, failed=failed)

    return Tasks(play, note, alarm, alarm_here)


def made_of(place: str, given: tuple[Any, ...]) -> list[Any]:
    """What the task at `place` returns: its name, and all it was given."""
    return [place, *given]


def _write(what: str, task_id: str, name: str, **more: Any) -> None:
    line = json.dumps({"what": what, "id": task_id, "name": name, "pid": os.getpid(), **more})
    file = os.open(_folder() / JOURNAL, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(file, f"{line}\n".encode())  # one write, so a kill leaves no half of it
    finally:
        os.close(file)


def _is_first(task_id: str) -> bool:
    try:
        os.close(os.open(_folder() / f"killed-{task_id}", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def _folder() -> Path:
    return Path(os.environ["FAULTS_RUNS"])


def make_mortal(app: KernelQ, share: float) -> None:
    """Let this share of what is published or stored by a worker by itself be the last that its process does.

    Where a run's successors, its outcome and its acknowledgement are committed one after the other, it dies between them.
    """
    chance = random.SystemRandom()  # one that forked children do not share
    supervisor = os.getpid()

    def mortal(act: Callable[..., Any]) -> Callable[..., Any]:
        def acted(*args: Any) -> Any:
            done = act(*args)
            if os.getpid() != supervisor and chance.random() < share:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        return acted

    broker: Any = app.broker
    backend: Any = app.backend
    broker.publish, backend.apply = mortal(broker.publish), mortal(backend.apply)


app = KernelQ("flows", set_as_current=False)
define(app)
if mortality := float(os.environ.get("FLOWS_MORTALITY", "0")):
    make_mortal(app, mortality)
