"""Links: what is called once a task has ended, as messages or here and now."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from kernelq import GroupResult
from kernelq.contracts import Context, Effect, Message, Recorder, decode_body
from kernelq.errors import KernelQError

from .composing import canonical
from .ids import new_id
from .launching import Launch
from .making import signature
from .options import listed
from .signature import Signature
from .steps import steps_of
from .store import effects, store_of

if TYPE_CHECKING:
    from kernelq import KernelQ

log = logging.getLogger("kernelq.worker")


def called_back(app: KernelQ, request: Context, callbacks: Any, value: Any) -> list[Message | Effect]:
    """What calls a task's callbacks with the value it returned.

    Raises:
        Exception: whatever keeps a callback from being made; the task fails with it.
    """
    message = request.message
    assert message is not None
    caused: list[Message | Effect] = []
    results: list[Any] = []
    for callback in listed(callbacks):
        caused += _started(app, message, callback, value, results, is_eager=request.is_eager)
    if len(results) > 1:
        results = [GroupResult(new_id(), results, app=app)]
    request.children += results
    return caused


def error_called_back(app: KernelQ, cause: Message, errbacks: Any) -> list[Message | Effect]:
    """What calls those error callbacks of the failed task `cause` that are tasks, with its id."""
    caused: list[Message | Effect] = []
    for errback in listed(errbacks):
        try:
            if not is_called_here(signature(errback, app=app)):
                caused += _started(app, cause, errback, cause.id, [])
        except Exception:  # the failure it tells of must be stored all the same
            log.exception("an error callback of task %s[%s] cannot be sent: %s", cause.task, cause.id, _named(errback))
    return caused


def call_errbacks(app: KernelQ, request: Context, error: BaseException) -> None:
    """Call those of a failed task's error callbacks that are called where it failed."""
    message = request.message
    if message is None:
        return
    for errback in _errbacks(app, message, request):
        try:
            sig = signature(errback, app=app)
            if is_called_here(sig):
                sig(request, error, Recorder.traceback(error))
        except Exception:  # a user's function: the failure is stored, and the other callbacks are to be called
            log.exception("an error callback of task %s[%s] failed: %s", message.task, message.id, _named(errback))


def is_called_here(errback: Signature[Any]) -> bool:
    """Whether an error callback is called as ``errback(request, exc, traceback)``.

    It is known here, has no `self`, and takes more than one argument besides those that it has already.
    """
    task = errback.app.tasks.get(errback.task)
    if task is None or not isinstance(inspect.getattr_static(type(task), "run", None), staticmethod):
        return False
    if not errback.immutable and (errback.args or errback.kwargs):
        try:
            return _takes_more_than_one(partial(task.run, *errback.args, **errback.kwargs))
        except (TypeError, ValueError):
            pass  # they do not fit; who calls it will say so
    try:
        return _takes_more_than_one(task.run)
    except (TypeError, ValueError):
        return False  # a builtin without a signature


def _takes_more_than_one(function: Callable[..., Any]) -> bool:
    parameters = inspect.signature(function).parameters.values()
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


def _started(
    app: KernelQ, cause: Message, plain: Any, argument: Any, results: list[Any], *, is_eager: bool = False
) -> list[Message | Effect]:
    """What calls back with `argument`, under ids that are the same however often it is asked for; appends its result."""
    sig = canonical(signature(plain, app=app), (argument,))
    if sig is None:
        return []
    if is_eager and sig.subtask_type is not None:
        results.append(sig.apply())
        return []
    results.append(sig.freeze())
    # Who asked for the task is who can ask for what it leads to.
    launch = Launch(app, parent_id=cause.id, root_id=cause.root_id or cause.id, reply_to=cause.reply_to)
    launch.start(steps_of(sig))
    return [*launch.messages, *effects(store_of(app), launch.ops)]


def _named(plain: Any) -> Any:
    return plain.get("task") if isinstance(plain, dict) else plain
