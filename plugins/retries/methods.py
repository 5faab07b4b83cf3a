"""What this plugin adds to tasks."""

from __future__ import annotations

import datetime
import inspect
import sys
from typing import Any, Generic, ParamSpec, TypeVar

from kernelq import Context, Ignore, Reject, Retry
from kernelq.contracts import Message
from kernelq.errors import MaxRetriesExceededError
from msgspec import structs

from .backoff import backoff

P = ParamSpec("P")
R = TypeVar("R")


class TaskMethods(Generic[P, R]):
    """Attributes of every task, found by the entry points ``Task.<name>``."""

    def retry(
        self: Any,
        args: Any = None,
        kwargs: Any = None,
        exc: BaseException | None = None,
        throw: bool = True,
        eta: datetime.datetime | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> Retry:
        """Run this task again later, under the same id; always written as ``raise self.retry(…)``.

        `countdown` seconds from now (default `default_retry_delay`), or at `eta`. Raises `Retry` to end this run; with
        ``throw=False`` returns it and goes on. When the retries are used up it raises `exc`, else
        `MaxRetriesExceededError`. Called outside a worker it raises `exc` or the current exception.
        """
        request = self.request
        if request.called_directly or request.message is None:
            raise exc or sys.exc_info()[1] or Retry("task can be retried")
        limit = self.max_retries if max_retries is None else max_retries
        if limit is not None and request.retries >= limit:
            raise exc or MaxRetriesExceededError(
                f"cannot retry {self.name}[{request.id}]: its {limit} retries are used up",
                task_args=request.args,
                task_kwargs=request.kwargs,
            )
        if eta is None and countdown is None:
            countdown = self.default_retry_delay
        options.update(eta=eta, countdown=countdown)
        if (args is None) != (kwargs is None):
            args, kwargs = merged(self, request, args, kwargs)
        successor = next_try(self, request, args, kwargs, options)
        error = Retry(exc=exc or sys.exc_info()[1], when=eta if countdown is None else countdown, sig=successor)
        if throw:
            # The successor travels with the end of this run, so that neither exists without the other.
            raise error
        if not request.is_eager:
            self.app.publisher.publish([successor])
        return error

    def retried_by_itself(self: Any, request: Context, error: BaseException) -> BaseException:
        """What an exception of a run becomes by `autoretry_for`: a `Retry`, or the error when retries are used up."""
        excepted = (*self.dont_autoretry_for, Retry, Ignore, Reject)
        is_meant: bool = isinstance(error, self.autoretry_for)
        if not is_meant or isinstance(error, excepted):
            return error
        options = dict(self.retry_kwargs)
        if self.retry_backoff:
            factor = int(max(1, self.retry_backoff))
            options["countdown"] = backoff(factor, request.retries, self.retry_backoff_max, jitter=self.retry_jitter)
        try:
            self.retry(exc=error, **options)
        except BaseException as raised:  # noqa: BLE001  (Retry, or the task's own error when it may not)
            return raised
        return error


def next_try(task: Any, request: Context, args: Any, kwargs: Any, options: dict[str, Any]) -> Message:
    """The message of the next try of a running task: same id and everything, one retry more."""
    message, publisher = request.message, task.app.publisher
    assert message is not None
    body, now = message.body, publisher.now()
    if args is not None or kwargs is not None:
        args = request.args if args is None else args
        kwargs = request.kwargs if kwargs is None else kwargs
        if task.check is not None:
            task.check(*args, **kwargs)
        content = [list(args), kwargs, request.embed]
        _, _, body = publisher.encode(message.task, content, message.content_type, message.compression)
    successor = structs.replace(message, retries=message.retries + 1, body=body, eta=None, sent_at=now)
    found: Message = publisher.with_options(successor, options, now)
    return found


def merged(task: Any, request: Context, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Arguments of the next try where only the positional or only the keyword ones are new: no parameter is given twice."""
    names = _names(task)
    if kwargs is None:
        taken = names[: len(args)]
        return args, {name: value for name, value in request.kwargs.items() if name not in taken}
    inherited = dict(zip(names, request.args, strict=False))
    if inherited.keys().isdisjoint(kwargs) or len(request.args) > len(names):
        return request.args, kwargs
    return (), {**inherited, **kwargs}


def _names(task: Any) -> list[str]:
    """The parameters that may be given by position and by name, in order."""
    try:
        parameters = inspect.signature(task.run).parameters.values()
    except (TypeError, ValueError):
        return []  # a builtin without a signature
    return [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
