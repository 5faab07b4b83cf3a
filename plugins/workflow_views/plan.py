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
        return _decoder.decode(zlib.decompress(kept))
    except (zlib.error, msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"the plan of a workflow cannot be read: {error}") from error


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


def chords_of(node: Node) -> Iterator[Chord]:
    """Its chords, outer ones before those in them."""
    if isinstance(node, Task):
        return
    if isinstance(node, Chord):
        yield node
        yield from chords_of(node.body)
    for each in node.of:
        yield from chords_of(each)
