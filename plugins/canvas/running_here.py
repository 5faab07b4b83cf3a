"""Running here: what a chain, a group or a chord does in eager mode, one call after the other in this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from kernelq import Context, EagerResult, GroupResult
from kernelq.contracts import FAILURE, SUCCESS
from kernelq.exceptions import ChordError

from .canonical import canonical, tasks_of
from .chain import chain
from .chord import chord
from .freezing import freeze, place_under
from .group import copy_of, group
from .links import call_errbacks, is_called_here
from .steps import errbacks_of, steps_of

if TYPE_CHECKING:
    from .signature import Signature

NOBODY: Final = "eager"
"""Who is told of the result of a message that is only shown to error callbacks."""

OF_RUN: Final = ("throw", "logfile", "loglevel")
"""Options of `Task.apply` that are no options of a call."""


def run_here(sig: Signature[Any], args: Any, kwargs: Any, options: Mapping[str, Any]) -> Any:
    """The results of running all of it, which are those it would have elsewhere, but ready; None of an empty chain.

    What follows a task that failed is not run and has failed with the same exception. With the option `throw`, or the
    setting `task_eager_propagates`, a task's exception is raised at once.
    """
    how = {name: options[name] for name in OF_RUN if name in options}
    form = canonical(sig, args, kwargs, {name: value for name, value in options.items() if name not in how})
    if form is None:
        return None
    freeze(form)
    return _run(form, (), how)


def _run(form: Signature[Any], args: tuple[Any, ...], how: dict[str, Any]) -> Any:
    if isinstance(form, chain):
        return _steps(form.tasks, args, how)
    if isinstance(form, group):
        results = [_run(task, args, how) for task in form.tasks]
        if len(results) == 1 and isinstance(results[0], GroupResult):
            return results[0]
        return GroupResult(form.id, results, app=form.app)
    if isinstance(form, chord):
        return _chord(form, args, how)
    return form.apply(args, **how)


def _steps(steps: Any, args: tuple[Any, ...], how: dict[str, Any]) -> Any:
    above: Any = None
    for step in steps:
        error = None if above is None else _error_of(above)
        if error is not None:
            result = _failed(step, error)
        else:
            result = _run(step, args if above is None else (_value_of(above),), how)
        if above is not None:
            place_under(result, above)
        above = result
    return above


def _chord(form: chord[Any], args: tuple[Any, ...], how: dict[str, Any]) -> Any:
    header: Any = GroupResult(form.header.id, [_run(task, args, how) for task in form.tasks], app=form.app)
    error = _error_of(header)
    if error is None:
        result = _run(form.body, (_value_of(header),), how)
    else:
        result = _failed(form.body, error)
        _tell(form.body, error)
    place_under(result, header)
    return result


def _tell(body: Signature[Any], error: BaseException) -> None:
    """Call the error callbacks of a body that is not run."""
    errbacks = errbacks_of(steps_of(body))
    first = next(tasks_of(body))
    about = {"task_id": first.id, "link_error": errbacks, "reply_to": NOBODY}
    message = body.app.publisher.message(None, first.task, (), {}, about)
    call_errbacks(body.app, Context(message), error)
    for errback in map(copy_of, errbacks):
        if not is_called_here(errback):
            errback.apply((message.id,))


def _value_of(result: Any) -> Any:
    return result.get(disable_sync_subtasks=False)


def _error_of(result: Any) -> BaseException | None:
    """What keeps the next step from being run."""
    for leaf in result.leaves():
        if leaf.state != SUCCESS:
            error = leaf.get(propagate=False, disable_sync_subtasks=False)
            return error if isinstance(error, BaseException) else ChordError(f"{leaf.id} ended as {leaf.state}")
    return None


def _failed(form: Signature[Any], error: BaseException) -> Any:
    """The results of what is not run because something before it failed."""
    if isinstance(form, chain):
        above: Any = None
        for step in form.tasks:
            result = _failed(step, error)
            if above is not None:
                place_under(result, above)
            above = result
        return above
    if isinstance(form, group):
        return GroupResult(form.id, [_failed(task, error) for task in form.tasks], app=form.app)
    if isinstance(form, chord):
        result = _failed(form.body, error)
        place_under(result, _failed(form.header, error))
        return result
    return EagerResult(form.id, error, FAILURE, name=form.task, app=form.app)
