"""Replacing: a task that lets another one run in its place, under its id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernelq import Ignore, Task
from kernelq.errors import ImproperlyConfigured

if TYPE_CHECKING:
    from kernelq.contracts import Message

    from .signature import Signature


class Replaced(Ignore):
    """Ends the run of a task that another one replaces; `successors` are published with that end."""

    def __init__(self, sig: Signature[Any], successors: list[Message]) -> None:
        super().__init__(f"replaced by {sig!r}")
        self.successors = successors


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
    kept = {
        "group_id": request.group, "group_index": request.group_index, "chord": request.chord, "chain": request.chain,
        "parent_id": request.parent_id, "root_id": request.root_id, "reply_to": request.reply_to,
        "stamps": request.stamps, "stamped_headers": request.stamped_headers,
    }  # fmt: skip
    sig.options.update({name: value for name, value in kept.items() if value not in (None, {}, ())})
    return sig.set(task_id=request.id, replaced=(request.replaced_task_nesting or 0) + 1)


def go_on(task: Task[..., Any], sig: Signature[Any]) -> Any:
    """Run `sig` in the place of the running task: here in eager mode, else with the end of this run."""
    request = task.request
    if request.is_eager:
        request.embed = {}  # its links are called by the one that runs in its place
        return sig.apply().get(disable_sync_subtasks=False)
    if request.message is None:
        sig.apply_async()
        raise Replaced(sig, [])
    raise Replaced(sig, sig.messages())
