"""Entries that code adds: `app.add_periodic_task`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from kernelq import KernelQ
from kernelq.contracts import StashKey

log = logging.getLogger("kernelq.beat")

OF_ENTRY = ("relative", "catch_up", "overlap", "enabled", "zone", "description")
"""What is said of an entry, and is no option of its calls."""

SEVERAL = ("chain", "chord", "chunks", "group")
"""Signatures that no message can stand for."""

_ADDED: StashKey[dict[str, dict[str, Any]]] = StashKey()


def code_entries(app: KernelQ) -> dict[str, Any]:
    """The entries of `beat_schedule`, and those added."""
    added: dict[str, dict[str, Any]] = app.stash.setdefault(_ADDED, {})
    return {**app.conf.beat_schedule, **added}


def add(app: KernelQ, name: str, entry: dict[str, Any]) -> None:
    """Add an entry, in the place of one of this name."""
    app.stash.setdefault(_ADDED, {})[name] = entry


def entry_of_signature(
    app: KernelQ,
    schedule: Any,
    sig: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | tuple[()],
    options: dict[str, Any],
) -> tuple[Any, dict[str, Any]]:
    """(signature, entry) of what `add_periodic_task` is given.

    Raises:
        TypeError: it is a workflow.
    """
    kind = sig.get("subtask_type") if isinstance(sig, Mapping) else None
    if kind in SEVERAL:
        raise TypeError(
            f"a {kind} is several tasks, expected one as a periodic task: start it in a task of its own, got {sig!r}"
        )
    if hasattr(sig, "clone"):
        sig = sig.clone(args, dict(kwargs)) if args or kwargs else sig
    else:
        sig = app.signature(sig.name, args=tuple(args), kwargs=dict(kwargs))
    about = {
        "schedule": schedule,
        "task": sig["task"],
        "args": sig["args"],
        "kwargs": sig["kwargs"],
        "options": {**sig["options"], **{name: value for name, value in options.items() if name not in OF_ENTRY}},
        **{name: value for name, value in options.items() if name in OF_ENTRY},
    }
    return sig, about
