"""Descriptions of workflows as plain data, and hypothesis' way to make them.

Every part of a workflow has a place, its path from the root (``r``): step i of a chain ``r.i``, member i of a group the same, member i
of a chord's header ``r.hi``, its body ``r.b``. Tasks are named by their places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from hypothesis import strategies as st
from workflows.tasks import Fate

HERE = "here"
"""An error callback called where the task failed."""
SENT = "sent"
"""An error callback that is a task."""


class Part:
    """Shown as the code that makes it again, without what is as usual."""

    __slots__ = ()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # hypothesis would have all fields in it

    def __repr__(self) -> str:
        assert is_dataclass(self)
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        usual = {each.name: each.default for each in fields(self)}
        return f"{type(self).__name__}({', '.join(f'{n}={shown(v)}' for n, v in given.items() if v != usual[n])})"


def shown(value: object) -> str:
    """A value as code."""
    if isinstance(value, tuple):
        return f"({''.join(f'{shown(each)}, ' for each in value)})"
    return f"Fate.{value.name}" if isinstance(value, Fate) else repr(value)


@dataclass(frozen=True, slots=True, repr=False)
class Task(Part):
    """One call. `is_immutable` ones take nothing from what came before."""

    fate: Fate = Fate.RETURN
    times: int = 0
    """How often it retries."""
    is_immutable: bool = False
    links: int = 0
    """How many callbacks it has."""
    errors: tuple[str, ...] = ()
    """Its error callbacks, `HERE` or `SENT`, as those of the others."""


@dataclass(frozen=True, slots=True, repr=False)
class Chain(Part):
    """One after the other; two steps at least."""

    steps: tuple[Shape, ...]
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Group(Part):
    """Side by side. One of one member occurs at the head of a chain or after a task, where it is the member itself."""

    members: tuple[Shape, ...]
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Chord(Part):
    """Side by side, and then the body."""

    header: tuple[Shape, ...]
    body: Shape
    links: int = 0
    errors: tuple[str, ...] = ()


Shape = Task | Chain | Group | Chord


def parts(shape: Shape, place: str = "r") -> Iterator[tuple[str, Shape]]:
    """The places of this shape and of all within it, parents first."""
    yield place, shape
    for name, part in _within(shape):
        yield from parts(part, f"{place}.{name}")


def tasks(shape: Shape) -> list[tuple[str, Task]]:
    """The places of all tasks."""
    return [(place, part) for place, part in parts(shape) if isinstance(part, Task)]


def without_revoked(shape: Shape) -> Shape:
    """The same workflow for an engine that keeps no marks: what is revoked in it expires instead."""
    match shape:
        case Task():
            return replace(shape, fate=Fate.EXPIRE) if shape.fate is Fate.REVOKE else shape
        case Chain():
            return replace(shape, steps=tuple(map(without_revoked, shape.steps)))
        case Group():
            return replace(shape, members=tuple(map(without_revoked, shape.members)))
        case Chord():
            header = tuple(map(without_revoked, shape.header))
            return replace(shape, header=header, body=without_revoked(shape.body))


def _within(shape: Shape) -> Iterator[tuple[str, Shape]]:
    match shape:
        case Chain(steps=several) | Group(members=several):
            yield from ((str(index), part) for index, part in enumerate(several))
        case Chord():
            yield from ((f"h{index}", part) for index, part in enumerate(shape.header))
            yield "b", shape.body


# --- making them

IN_PROCESS = (Fate.FAIL, Fate.RETRY, Fate.RETRY_FAIL, Fate.EXPIRE, Fate.REVOKE, Fate.IGNORE, Fate.REJECT)
"""The fates that need no process of their own."""

OF_PROCESSES = (Fate.KILL_ONCE, Fate.POISON, Fate.TIME_OUT)
"""Those that do; they take half a second or so each."""

DEEPEST = 4
MOST_TASKS = 25


def shapes(
    fates: Sequence[Fate] = IN_PROCESS, *, most: int = MOST_TASKS, deepest: int = DEEPEST, fortune: int = 4
) -> st.SearchStrategy[Shape]:
    """Workflows of at most `most` tasks, of which one in `fortune` has one of `fates`; the others return."""
    return _shapes(tuple(fates), most, deepest, fortune)


@st.composite
def _shapes(draw: st.DrawFn, fates: tuple[Fate, ...], most: int, deepest: int, fortune: int) -> Shape:
    return _Maker(draw, fates, most, fortune).canvas(deepest)


class _Maker:
    """Draws one workflow."""

    def __init__(self, draw: st.DrawFn, fates: tuple[Fate, ...], most: int, fortune: int) -> None:
        self._draw = draw
        self._left = most
        ordinary = [Fate.RETURN] * (len(fates) * (fortune - 1))
        self._fates = st.sampled_from([*ordinary, *fates] if fates else [Fate.RETURN])

    def canvas(self, depth: int) -> Shape:
        """A chain, group or chord."""
        make = self._draw(st.sampled_from([self.chord, self.chain, self.group]))
        return make(depth)

    def part(self, depth: int) -> Shape:
        """A task or, while there is room, a canvas."""
        if depth <= 0 or self._left <= 2 or self._draw(st.integers(0, 2)) < 2:
            return self.task()
        return self.canvas(depth)

    def task(self) -> Task:
        self._left -= 1
        fate = self._draw(self._fates)
        retries = fate in (Fate.RETRY, Fate.RETRY_FAIL)
        return Task(
            fate,
            times=self._draw(st.integers(1, 2)) if retries else 0,
            is_immutable=self._draw(st.integers(0, 5)) == 5,
            links=self._few(),
            errors=self._errors(),
        )

    def chain(self, depth: int) -> Chain:
        count = self._count(2)
        steps: list[Shape] = []
        for _ in range(count):
            steps.append(self._step(depth - 1, steps))
        return Chain(tuple(steps), self._errors())

    def _step(self, depth: int, before: Sequence[Shape]) -> Shape:
        if (not before or isinstance(before[-1], Task)) and self._draw(st.integers(0, 9)) == 9:
            return Group((self.task(),))
        return self.part(depth)

    def group(self, depth: int) -> Group:
        return Group(self._members(depth, least=2), self._errors())

    def chord(self, depth: int) -> Chord:
        header = self._members(depth, least=1)
        body = self.part(depth - 1)
        errors = (self._draw(st.sampled_from([HERE, SENT])), *self._errors())
        return Chord(header, body, self._few(), errors)

    def _members(self, depth: int, *, least: int) -> tuple[Shape, ...]:
        count = self._count(least)
        return tuple(self.part(depth - 1) for _ in range(count))

    def _count(self, least: int) -> int:
        return self._draw(st.integers(least, max(least, min(4, self._left))))

    def _few(self) -> int:
        return self._draw(st.sampled_from([0, 0, 0, 1, 2]))

    def _errors(self) -> tuple[str, ...]:
        return self._draw(st.sampled_from([(), (), (), (HERE,), (SENT,), (SENT, HERE)]))
