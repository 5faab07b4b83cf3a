"""Replacing: a task that lets another one run in its place, under its id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernelq import Task
from kernelq.errors import ImproperlyConfigured

from .canonical import canonical, collected, formed, last_of, push, tasks_of
from .composite import made
from .ends import TakenOver
from .options import listed
from .taking_over import take_over

if TYPE_CHECKING:
    from kernelq import Context

    from .signature import Signature


def stand_in(task: Task[..., Any], sig: Signature[Any]) -> Signature[Any]:
    """`sig` with all that who waits for the running `task` relies on: its id, its links, its place in what it belongs to.

    Its value is one: of a group, or of a chain that ends in one, the list of its values.
    """
    request, sig = task.request, made(sig, task.app)
    if sig.options.get("chord"):
        raise ImproperlyConfigured(f"{sig!r} belongs to a chord, so it cannot take the place of {task.name}")
    form = canonical(sig)
    if form is None:
        raise ImproperlyConfigured(f"an empty chain cannot take the place of {task.name}: it has no value")
    form = collected(form)
    if request.message is None:
        return form  # nobody waits for a function that was just called
    kept = {
        "parent_id": request.parent_id, "root_id": request.root_id, "reply_to": request.reply_to,
        "task_id": request.id, "group_id": request.group, "group_index": request.group_index,
    }  # fmt: skip
    given = {name: value for name, value in kept.items() if value is not None}
    if request.group is not None:
        last_of(form).options.pop("group_id", None)  # the place of the running task counts
    push(form, options=given, links=listed(request.callbacks), errbacks=listed(request.errbacks))
    placed = formed(form)
    assert placed is not None
    for part in tasks_of(placed):
        part.options["replaced"] = (request.replaced_task_nesting or 0) + 1
        _keep_stamps(part, request)
    return placed


def _keep_stamps(part: Signature[Any], request: Context) -> None:
    names = [name for name in request.stamped_headers or () if name in request.stamps]
    if names:
        own = part.options.get("stamped_headers") or ()
        part.options["stamped_headers"] = list(dict.fromkeys((*own, *names)))
        part.options.update({name: request.stamps[name] for name in names if name not in own})


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
