"""Replacing: a task that lets another one run in its place, under its id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernelq import Task
from kernelq.errors import ImproperlyConfigured

from .ends import TakenOver
from .taking_over import take_over

if TYPE_CHECKING:
    from .signature import Signature


def stand_in(task: Task[..., Any], sig: Signature[Any]) -> Signature[Any]:
    """`sig` with all that who waits for the running `task` relies on: its id, its links, its place in what it belongs to."""
    request = task.request
    if sig.options.get("chord"):
        raise ImproperlyConfigured(f"{sig!r} belongs to a chord, so it cannot take the place of {task.name}")
    sig = sig.clone()
    if request.message is None:
        return sig  # nobody waits for a function that was just called
    for callback in request.callbacks or ():
        sig.link(callback)
    for errback in request.errbacks or ():
        sig.link_error(errback)
    stamps = {"stamps": request.stamps, "stamped_headers": request.stamped_headers}
    sig.options.update({name: value for name, value in stamps.items() if value})
    return sig.set(task_id=request.id)


def go_on(task: Task[..., Any], sig: Signature[Any]) -> Any:
    """Run `sig` in the place of the running task: here in eager mode, else with the end of this run."""
    request = task.request
    if request.is_eager:
        request.embed = {}  # its links are called by the one that runs in its place
        return sig.apply().get(disable_sync_subtasks=False)
    if request.message is None:
        sig.apply_async()
        raise TakenOver(f"replaced by {sig!r}", [])
    raise take_over(task, request.message, sig)
