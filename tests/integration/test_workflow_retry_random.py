"""Workflows of any shape that fail anywhere come to their end by running again what failed, whatever is cut off meanwhile."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from kernelq import KernelQ, canvas, chain, chord, group
from kernelq.testing import start_worker
from kernelq.workflow_views import WorkflowNotFinished, find
from waiting import until

PATIENCE = 20.0
"""Seconds a test waits for a result."""


class Crash(Exception):
    """Stands for the end of the process that runs again what failed."""


class Yard:
    """An app with a worker and one task, `step`, that fails for the numbers in `broken`."""

    def __init__(self, app: KernelQ) -> None:
        self.app = app
        self.broken: set[int] = set()
        self.step = app.task(name="proj.step", typing=False)(self._step)

    def _step(self, *values: Any, number: int) -> Any:
        if number in self.broken:
            raise KeyError(number)
        return _sum(values) + 1


def _sum(value: Any) -> int:
    return sum(map(_sum, value)) if isinstance(value, list | tuple) else value


class Shape:
    """A workflow of a random shape; its tasks are numbered from 1 to `size`."""

    def __init__(self, yard: Yard, seed: int) -> None:
        self._yard, self._random = yard, random.Random(seed)
        self.size = 0
        self.canvas = self._part(3) | self._part(0)

    def _part(self, depth: int) -> Any:
        kind = self._random.random()
        if depth == 0 or kind < 0.4:
            self.size += 1
            return self._yard.step.s(number=self.size)
        if kind < 0.6:
            return chain(*self._parts(depth, 2, 3))
        if kind < 0.75:
            return chain(self._part(depth - 1), group(self._parts(depth, 1, 3)))
        return chord(self._parts(depth, 1, 4), self._part(depth - 1))

    def _parts(self, depth: int, least: int, most: int) -> list[Any]:
        return [self._part(depth - 1) for _ in range(self._random.randint(least, most))]


class Crashes:
    """Ends calls of this thread now and then, before or after they have done what they do."""

    def __init__(self, dice: random.Random) -> None:
        self._dice, self._thread = dice, threading.current_thread()

    def plant(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*args: Any) -> Any:
            luck = self._dice.random() if threading.current_thread() is self._thread else 1.0
            if luck < 0.15:
                raise Crash
            value = real(*args)
            if luck < 0.3:
                raise Crash
            return value

        monkeypatch.setattr(owner, name, call)


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    with KernelQ("proj", broker="memory://", backend="memory://", set_as_current=False) as app:
        yard = Yard(app)
        with start_worker(app, pool="threads", concurrency=2):
            yield yard


@pytest.mark.parametrize("seed", range(20))
def test_it_gives_the_same_as_without_failures(yard: Yard, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(seed)
    yard.broken.clear()
    expected = Shape(yard, seed).canvas().get(timeout=PATIENCE)
    shape = Shape(yard, seed)
    yard.broken |= set(dice.sample(range(1, shape.size + 1), dice.randint(1, shape.size)))
    result = shape.canvas()

    while until(lambda: not find(yard.app, result.id).unfinished) and result.failed():
        yard.broken -= {number for number in yard.broken if dice.random() < 0.5}
        with monkeypatch.context() as patched:
            crashes = Crashes(dice)
            crashes.plant(patched, yard.app.backend, "forget")
            crashes.plant(patched, yard.app.publisher, "publish")
            crashes.plant(patched, canvas.store_of(yard.app), "apply")
            _run_again(result)

    assert result.get(timeout=PATIENCE) == expected
    assert result.completed_count() == result.total_count()


def _run_again(result: Any) -> None:
    while True:
        try:
            result.retry_failed()
        except Crash:
            continue
        except WorkflowNotFinished:
            pass  # an earlier call had come to its end but for saying so
        return
