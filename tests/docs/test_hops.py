"""The way of a message is short, counted with `sys.setprofile` once everything is warm.

Two counts. *Stations* are what a message is handed to on its way, in any of its forms: each file of the kernel is one, and
each plugin is one, for how a driver is divided inside is its own affair. *Files* are all that is entered meanwhile, for
look-ups too: a setting, an id, who listens.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from kernelq import KernelQ, Task
from kernelq.contracts import Delivery, Message, Outcome, Transition
from kernelq.testing import start_worker

ROOT = Path(__file__).parents[2]
FORMS = (Message, Delivery, Transition, Outcome)

PUBLISH_STATIONS, RUN_STATIONS = 6, 9
PUBLISH_FILES, RUN_FILES = 10, 19  # what they are; to be lowered, never raised without a reason
FRAMES_BELOW_A_TASK = 5

PATIENCE = 10.0
"""Seconds."""


class Tracer:
    """What is entered of our packages while `is_on`, by whichever of the traced threads."""

    def __init__(self) -> None:
        self.is_on = False
        self.files: set[str] = set()
        self.stations: set[str] = set()

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        file = _ours(frame)
        if self.is_on and event == "call" and file is not None:
            self.files.add(file)
            if any(_is_message(value) for name, value in frame.f_locals.items() if name != "self"):
                self.stations.add(_station(file))

    @contextmanager
    def recording(self) -> Iterator[None]:
        self.is_on = True
        try:
            yield
        finally:
            self.is_on = False


class Stage:
    """An app with one task, and a worker for it on a thread."""

    def __init__(self, app: KernelQ) -> None:
        self.app = app
        self.frames: list[str] = []
        stage = self

        @app.task
        def add(x: int, y: int) -> int:
            stage.frames = _below(sys._getframe(1))
            return x + y

        self.add: Task[[int, int], int] = add

    def run_one(self) -> None:
        assert self.add.delay(1, 2).get(timeout=PATIENCE) == 3


@pytest.fixture
def stage() -> Iterator[Stage]:
    with KernelQ("hops", broker="memory://", backend="memory://", set_as_current=False) as app:
        yield Stage(app)


def test_publishing_a_message_is_a_short_way(stage: Stage) -> None:
    tracer = Tracer()
    stage.add.delay(1, 2)

    sys.setprofile(tracer)
    with tracer.recording():
        stage.add.delay(1, 2)
    sys.setprofile(None)

    assert len({"kernel/task.py"} | tracer.stations) <= PUBLISH_STATIONS, sorted(tracer.stations)
    assert len(tracer.files) <= PUBLISH_FILES, sorted(tracer.files)


def test_running_a_message_is_a_short_way(stage: Stage) -> None:
    tracer = Tracer()
    threading.setprofile(tracer)

    with start_worker(stage.app, pool="solo"):
        threading.setprofile(None)
        stage.run_one()
        with tracer.recording():
            stage.run_one()
            stage.run_one()  # when it runs, all that belongs to the one before is over

    assert len({"kernel/execute.py"} | tracer.stations) <= RUN_STATIONS, sorted(tracer.stations)
    assert len(tracer.files) <= RUN_FILES, sorted(tracer.files)


def test_few_frames_lie_between_the_loop_of_a_lane_and_a_task(stage: Stage) -> None:
    with start_worker(stage.app, pool="solo"):
        stage.run_one()
        stage.run_one()

    assert stage.frames[-1] == "SoloLane.run"
    assert len(stage.frames) <= FRAMES_BELOW_A_TASK, stage.frames


def _ours(frame: FrameType) -> str | None:
    """The file of a frame, from the root of the repository, if it is one of ours."""
    path = Path(frame.f_code.co_filename)
    if not path.is_relative_to(ROOT):
        return None
    file = path.relative_to(ROOT)
    return str(file) if file.parts[0] in ("kernel", "plugins") else None


def _is_message(value: object) -> bool:
    if isinstance(value, list | tuple) and value:
        value = value[0]
    return isinstance(value, FORMS)


def _station(file: str) -> str:
    return file if file.startswith("kernel/") else "/".join(file.split("/")[:2])


def _below(frame: FrameType | None) -> list[str]:
    """The frames from a task down to the loop of its lane."""
    found: list[str] = []
    while frame is not None and found[-1:] != ["SoloLane.run"]:
        found.append(frame.f_code.co_qualname)
        frame = frame.f_back
    return found
