"""From a description to the signatures that users would write for it."""

from __future__ import annotations

from typing import Any

from kernelq import chain, chord, group
from workflows.model import error_labels, is_here, link_labels
from workflows.shapes import Chain, Chord, Group, Shape, Task
from workflows.tasks import Fate, Tasks

TIME_LIMIT = 0.3
"""Seconds a task may run that is to run longer."""

LONG_PAST = "2001-01-01T00:00:00+00:00"


class Builder:
    """Builds one workflow, whose tasks have ids made of `flow` and their places, and take `seconds`."""

    def __init__(self, tasks: Tasks, flow: str, seconds: float = 0.0) -> None:
        self._tasks = tasks
        self._flow = flow
        self._seconds = seconds

    def build(self, shape: Shape, place: str = "r") -> Any:
        """The signature."""
        built = self._build(shape, place)
        for label in error_labels(shape, place):
            errback = self._tasks.alarm_here if is_here(label) else self._tasks.alarm
            built.on_error(errback.s(label=self.named(label)))
        if isinstance(shape, Task | Chord):
            for label in link_labels(shape, place):
                built.link(self._tasks.note.s(label=self.named(label)))
        return built

    def named(self, name: str) -> str:
        """The id of a task by its place, the full label of a callback."""
        return f"{self._flow}:{name}"

    def _build(self, shape: Shape, place: str) -> Any:
        match shape:
            case Task():
                return self._task(shape, place)
            case Chain():
                return chain(*(self.build(part, f"{place}.{index}") for index, part in enumerate(shape.steps)))
            case Group():
                return group([self.build(part, f"{place}.{index}") for index, part in enumerate(shape.members)])
            case Chord():
                header = [self.build(part, f"{place}.h{index}") for index, part in enumerate(shape.header)]
                return chord(header, self.build(shape.body, f"{place}.b"))

    def _task(self, task: Task, place: str) -> Any:
        options: dict[str, Any] = {"task_id": self.named(place)}
        if task.fate is Fate.EXPIRE:
            options["expires"] = LONG_PAST
        if task.fate is Fate.TIME_OUT:
            options["time_limit"] = TIME_LIMIT
        call = {"place": place, "fate": task.fate.value, "times": task.times, "seconds": self._seconds}
        return self._tasks.play.signature((), call, immutable=task.is_immutable, **options)
