"""Links: what is called once a task has ended, as messages or here and now."""

from __future__ import annotations

import inspect
import logging
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kernelq.contracts import FAILURE, Context, Ending, Message, Recorder, decode_body
from kernelq.errors import KernelQError

from .making import signature
from .replacing import Replaced
from .signature import Signature, listed

if TYPE_CHECKING:
    from kernelq import KernelQ

log = logging.getLogger("kernelq.worker")

FOREIGN = {"replaced_task_nesting": "replaced", "origin": None}
"""Options that signatures of a Celery peer may have, and ours of the same meaning; None: nobody's but the peer's."""


def called_back(app: KernelQ, request: Context, callbacks: Any, value: Any) -> list[Message]:
    """The messages of a task's callbacks, which are called with the value it returned.

    Raises:
        Exception: whatever keeps a callback from being made; the task fails with it.
    """
    message = request.message
    assert message is not None
    messages, children = [], []
    for index, callback in enumerate(listed(callbacks)):
        sig = _of_wire(app, callback)
        started = _messages(sig, message, value, f"{message.id}/link/{index}")
        messages += started
        children.append(sig.AsyncResult(started[-1].id))
    request.children += children
    return messages


def after_trouble(app: KernelQ, ending: Ending) -> list[Message] | None:
    """What follows from an end that was no success: the task that takes this one's place, or its error callbacks."""
    if isinstance(ending.value, Replaced):
        return list(ending.value.successors)
    if ending.state != FAILURE:
        return None
    message, messages = ending.message, []
    for index, errback in enumerate(_errbacks(app, message, ending.request)):
        try:
            sig = _of_wire(app, errback)
            if not is_called_here(sig):
                messages += _messages(sig, message, message.id, f"{message.id}/link_error/{index}")
        except Exception:  # the failure it tells of must be stored all the same
            log.exception(
                "an error callback of task %s[%s] cannot be sent: %s", message.task, message.id, _named(errback)
            )
    return messages


def call_errbacks(app: KernelQ, request: Context, error: BaseException) -> None:
    """Call those of a failed task's error callbacks that are called where it failed."""
    message = request.message
    if message is None:
        return
    for errback in _errbacks(app, message, request):
        try:
            sig = _of_wire(app, errback)
            if is_called_here(sig):
                sig(request, error, Recorder.traceback(error))
        except Exception:  # a user's function: the failure is stored, and the other callbacks are to be called
            log.exception("an error callback of task %s[%s] failed: %s", message.task, message.id, _named(errback))


def is_called_here(errback: Signature[Any]) -> bool:
    """Whether an error callback is called as ``errback(request, exc, traceback)``: it is known here, takes that, and has no `self`."""
    task = errback.app.tasks.get(errback.task)
    if task is None or not isinstance(inspect.getattr_static(type(task), "run", None), staticmethod):
        return False
    try:
        parameters = inspect.signature(task.run).parameters.values()
    except (TypeError, ValueError):
        return False  # a builtin without a signature
    places = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    return len(places) > 1 or any(each.kind is each.VAR_POSITIONAL for each in parameters)


def _errbacks(app: KernelQ, message: Message, request: Context | None) -> Sequence[Any]:
    embed = request.embed if request is not None else None
    if not embed:  # it failed without running: its process died, or it could not be read
        try:
            _, _, embed = decode_body(app, message)
        except (KernelQError, TypeError, ValueError):
            return ()
    return listed(embed.get("errbacks"))


def _messages(sig: Signature[Any], cause: Message, argument: Any, name: str) -> list[Message]:
    """The messages of a callback, under ids that are the same however often they are asked for."""
    return sig.messages(
        (argument,),
        task_id=sig.id or str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
        parent_id=cause.id,
        root_id=cause.root_id or cause.id,
        reply_to=cause.reply_to,  # who asked for the task is who can ask for what it leads to
    )


def _named(plain: Any) -> Any:
    return plain.get("task") if isinstance(plain, dict) else plain


def _of_wire(app: KernelQ, plain: Any) -> Signature[Any]:
    sig = signature(plain, app=app)
    for name in FOREIGN.keys() & sig.options.keys():
        value, ours = sig.options.pop(name), FOREIGN[name]
        if ours is not None:
            sig.options[ours] = value
    return sig
