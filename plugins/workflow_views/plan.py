"""What a workflow consists of, as it was written down when it was started."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TypeAlias

import msgspec

__all__ = ["Chain", "Chord", "Group", "Node", "Plan", "Task", "read_plan", "tasks_of"]


class Task(msgspec.Struct, frozen=True, tag_field="kind", tag="task"):
    """A single task."""

    id: str
    name: str


class Chain(msgspec.Struct, frozen=True, tag_field="kind", tag="chain"):
    """One after the other."""

    of: tuple[Node, ...]


class Group(msgspec.Struct, frozen=True, tag_field="kind", tag="group"):
    """Side by side."""

    id: str
    of: tuple[Node, ...]


class Chord(msgspec.Struct, frozen=True, tag_field="kind", tag="chord"):
    """Side by side, and then a body, for which all are waited. `id` is that of the join."""

    id: str
    of: tuple[Node, ...]
    body: Node


Node: TypeAlias = "Task | Chain | Group | Chord"


class Plan(msgspec.Struct, frozen=True):
    """A workflow; `id` is that of its result, `at` when it was started, in UTC epoch seconds."""

    id: str
    at: float
    root: Node


_decoder = msgspec.json.Decoder(Plan)


def read_plan(kept: bytes) -> Plan:
    """The plan out of the value that is kept of it.

    Raises:
        ValueError: it is damaged.
    """
    try:
        plan = _decoder.decode(zlib.decompress(kept))
    except (zlib.error, msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"the plan of a workflow cannot be read: {error}") from error
    return msgspec.structs.replace(plan, root=flat(plan.root))


def flat(node: Node) -> Node:
    """The same with chains as flat as can be: what follows a chord is a step behind it, and not within its body."""
    steps: list[Node] = []
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Chain):
            waiting.extend(reversed(found.of))
        elif isinstance(found, Chord) and isinstance(found.body, Chain) and found.body.of:
            first, *rest = found.body.of
            waiting.extend(reversed(rest))
            waiting.append(Chord(found.id, found.of, first))
        elif isinstance(found, Chord):
            steps.append(Chord(found.id, tuple(map(flat, found.of)), flat(found.body)))
        elif isinstance(found, Group):
            steps.append(Group(found.id, tuple(map(flat, found.of))))
        else:
            steps.append(found)
    return steps[0] if len(steps) == 1 else Chain(tuple(steps))


def tasks_of(node: Node) -> Iterator[Task]:
    """Its tasks, in the order they were written."""
    # By hand and not by recursion: ten thousand tasks of a group below a chain would each climb every level.
    waiting: list[Node] = [node]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Task):
            yield found
            continue
        if isinstance(found, Chord):
            waiting.append(found.body)
        waiting.extend(reversed(found.of))


def groups_of(node: Node) -> Iterator[Group | Chord]:
    """Its groups and chords, outer ones before those in them."""
    waiting: list[Node] = [node]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Task):
            continue
        if isinstance(found, Group | Chord):
            yield found
        if isinstance(found, Chord):
            waiting.append(found.body)
        waiting.extend(each for each in found.of if not isinstance(each, Task))
