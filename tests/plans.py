"""Workflows written down by hand: their plans, and what has become of their tasks."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
from kernelq import KernelQ
from kernelq.contracts import FAILURE, SUCCESS, Message, Outcome, pack
from kernelq.workflow_views import Chain, Chord, Group, Node, Plan, Standing, Task, Workflow, read_plan
from kernelq.workflows import Keep, WorkflowStore


def task(id: str, name: str | None = None) -> Task:
    return Task(id, name or f"proj.{id}")


def chain(*steps: Node) -> Chain:
    return Chain(steps)


def group(id: str, *members: Node) -> Group:
    return Group(id, members)


def chord(id: str, *header: Node, body: Node) -> Chord:
    return Chord(id, header, body)


def workflow(root: Node, id: str = "end", **states: str) -> Workflow:
    """A workflow with tasks in these states; ``"FAILURE timed_out"`` gives a reason too."""
    return Workflow(read_plan(packed(root, id)), {id: Standing(*state.split()) for id, state in states.items()})


def packed(root: Node, id: str) -> bytes:
    """A plan as it is kept."""
    return zlib.compress(msgspec.json.encode(Plan(id, 0.0, root)))


def keep(store: WorkflowStore, root: Node, id: str = "end", *, aliases: tuple[str, ...] = ()) -> None:
    """Write the plan down, as the start of a workflow does."""
    plan = zlib.compress(msgspec.json.encode(Plan(id, 0.0, root)))
    store.apply(
        [Keep(key=f"plan:{id}", value=plan), *(Keep(key=f"plan:{alias}", value=f">{id}".encode()) for alias in aliases)]
    )


def end(app: KernelQ, id: str, state: str = SUCCESS, value: Any = None, **fields: Any) -> None:
    """Store the end of a task."""
    app.backend.apply([Outcome(id=id, state=state, value=app.serializer("json").dumps(value), **fields)])


def fail(app: KernelQ, store: WorkflowStore, id: str, state: str = FAILURE, **fields: Any) -> Message:
    """Let a task end without success, and keep its message."""
    body = app.serializer("json").dumps([[1], {}, {}])
    message = Message(id=id, task=f"proj.{id}", body=body, **fields)
    end(app, id, state, error("ValueError"))
    store.apply([Keep(key=f"failed:{id}", value=pack(message))])
    return message


def error(kind: str) -> Mapping[str, Any]:
    """An exception as it is stored."""
    module = "kernelq.exceptions" if kind == "ChordError" else "builtins"
    return {"exc_type": kind, "exc_module": module, "exc_message": ["no"]}
