"""A call run here: its attempts one after the other, then what it calls back."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final

from kernelq.contracts import FAILURE, SUCCESS, Delivery, End, Message, Recorder, Run, Runner, StashKey, frames
from kernelq.errors import ImproperlyConfigured, NotRegistered
from msgspec.structs import replace

from .execution import ExecutorHere

if TYPE_CHECKING:
    from kernelq import KernelQ, Task

log = logging.getLogger("kernelq.worker")

NOBODY: Final = "eager"
"""`Message.reply_to` of what nobody is told of: without it a backend that sends results would be asked where to."""

_RUNNER: StashKey[Runner | None] = StashKey()


def apply(
    task: Task[..., Any], args: Any, kwargs: Any, options: dict[str, Any], throw: bool, extra: Mapping[str, Any]
) -> Any:
    """Run a call of `task` to its end; its `EagerResult`. With `throw` its exception is raised."""
    if not task.app.conf.task_store_eager_result:
        options.setdefault("reply_to", NOBODY)
    message = task.app.publisher.message(task, task.name, args, kwargs, options)
    return run(task, message, throw=throw, extra=extra)


def run(task: Task[..., Any], message: Message, *, throw: bool, extra: Mapping[str, Any]) -> Any:
    """Run the task of a message, its retries and its callbacks; see `apply`."""
    from kernelq import EagerResult

    app = task.app
    executor = ExecutorHere(app, task, dict(extra))
    upcoming: Message | None = replace(message, root_id=message.root_id or message.id)
    end = End(FAILURE, None)
    while upcoming is not None:
        # Not late and not early: here a call is run when it is made.
        current = replace(upcoming, eta=None, expires=None)
        end = _attempt(executor, current)
        successors, executor.commits.successors = executor.commits.successors, ()
        upcoming = next((each for each in successors if each.id == message.id), None)
        for callback in successors:
            if callback.id != message.id:
                _run_callback(app, callback, throw=throw and end.state == SUCCESS, extra=extra)
    error = end.value if isinstance(end.value, BaseException) else None
    if throw and error is not None and end.state == FAILURE:
        raise error
    outcome = executor.record.last
    value = end.value
    if end.state == SUCCESS and outcome is not None and outcome.value is not None:
        value = app.serializer(outcome.content_type).loads(outcome.value)
    trace = Recorder.traceback(error) if error is not None and end.state == FAILURE else None
    return EagerResult(message.id, value, end.state, traceback=trace, name=task.name, app=app)


def _attempt(executor: ExecutorHere, message: Message) -> End:
    delivery = Delivery(message=message, queue=message.queue)
    began = executor.begin(delivery)
    assert isinstance(began, Run)
    try:
        try:
            value = executor.call(began)
            if inspect.iscoroutine(value):
                value = _run_coroutine(executor.app, value)
        except KeyboardInterrupt:
            raise  # somebody at the terminal, who means the program
        except BaseException as error:  # noqa: BLE001  (as in a worker: whatever a task raises is its end)
            transition = executor.fail(began, _without_this_frame(error))
        else:
            transition = executor.succeed(began, value)
    finally:
        frames.reset(began.token)
    if transition is not None:
        executor.commits.commit(transition)
    broken, executor.broken = executor.broken, None
    if broken is not None:
        raise broken
    assert began.end is not None
    return began.end


def _without_this_frame(error: BaseException) -> BaseException:
    """The error with a traceback that begins below the frame which caught it: that would hold it, and be held by it."""
    trace = error.__traceback__
    return error.with_traceback(trace.tb_next) if trace is not None and trace.tb_next is not None else error


def _run_callback(app: KernelQ, message: Message, *, throw: bool, extra: Mapping[str, Any]) -> None:
    task = app.tasks.get(message.task)
    if task is not None:
        run(task, message, throw=throw, extra=extra)
        return
    error = NotRegistered(f"no task {message.task!r} is registered here, so it cannot be called back in eager mode")
    if throw:
        raise error
    log.error("%s", error)


def _run_coroutine(app: KernelQ, coroutine: Coroutine[Any, Any, Any]) -> Any:
    if _RUNNER not in app.stash:
        app.stash[_RUNNER] = app.plugins.hook.make_runner(app=app)
    runner = app.stash[_RUNNER]
    if runner is None:
        coroutine.close()
        raise ImproperlyConfigured("no plugin runs async def tasks here; enable the plugin 'asynchronous'")
    return runner(coroutine)
