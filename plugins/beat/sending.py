"""From an occurrence of an entry to its message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from kernelq import KernelQ
from kernelq.contracts import Message, decode_body

from .contract import namespace_of, ticks_of
from .entry import ScheduleEntry, call_of

NAMESPACE = UUID("7d2e6b6c-6b0c-5c57-9f0e-3a8f7a4b1c55")
"""Of the ids of occurrences."""

OCCURRENCE = "kernelq_beat"
"""The header that tells the worker which occurrence this is: [key of the entry, microseconds]."""


def occurrence_id(namespace: str, key: str, instant: float) -> str:
    """The task id of an occurrence, the same whoever sends it, and another one in another namespace (`namespace_of`)."""
    return str(uuid5(NAMESPACE, f"{namespace}/{key}@{ticks_of(instant)}"))


def message_of(
    app: KernelQ, entry: ScheduleEntry, instant: float | None = None, *, is_told: bool = False, **options: Any
) -> Message:
    """The message of an entry's occurrence; of a run out of turn without `instant`.

    With `is_told` the store is told when the task has ended.

    Raises:
        Exception: its arguments cannot be computed or serialised, or its options are wrong.
    """
    assert entry.task is not None
    task = app.tasks.get(entry.task)
    merged = {**(entry.options or {}), **options}
    if (
        task is not None and task.is_called_apart
    ):  # its calls may have options that no message has; signatures know them
        merged = dict(task.signature(**merged).options)
    headers = {**(merged.pop("headers", None) or {}), **marks_of(entry)}
    if instant is not None and entry.name is not None:
        merged["task_id"] = occurrence_id(namespace_of(app), entry.key, instant)
        if is_told:
            headers[OCCURRENCE] = [entry.key, ticks_of(instant)]
    args, kwargs = call_of(entry)
    return app.publisher.message(task, entry.task, args, kwargs, {**merged, "headers": headers})


def marks_of(entry: ScheduleEntry) -> dict[str, Any]:
    """The headers of everything that is sent for an entry."""
    return {"celery_beat_task": True, "periodic_task_name": entry.name}


def admitted(app: KernelQ, message: Message, policy: Mapping[str, Any] | None = None) -> Message | None:
    """The message as plugins want it; None when one refuses it. What `Publisher.publish` does before the broker is called."""
    plugins = app.plugins
    message = plugins.before_publish(app, message, dict(policy or {}))
    if "admit" in plugins.ears:
        args, kwargs, _ = decode_body(app, message)
        verdict = plugins.hook.admit(app=app, message=message, args=args, kwargs=kwargs)
        if verdict is not None and not verdict.accepted:
            return None
    return message
