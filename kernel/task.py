"""The task: a function with a name and defaults, and the ways to call it."""

from __future__ import annotations

import datetime
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from .context import Context, Frame, frames
from .errors import MaxRetriesExceededError, Retry
from .retry import backoff

if TYPE_CHECKING:
    from kernelq import AsyncResult

    from .app import KernelQ
    from .store import Backend

P = ParamSpec("P")
R = TypeVar("R")

_OUTSIDE = Context(called_directly=True)

_FROM_CONFIG = {
    "serializer": "task_serializer",
    "acks_late": "task_acks_late",
    "acks_on_failure": "task_acks_on_failure",
    "acks_on_timeout": "task_acks_on_timeout",
    "track_started": "task_track_started",
    "ignore_result": "task_ignore_result",
    "store_errors_even_if_ignored": "task_store_errors_even_if_ignored",
    "time_limit": "task_time_limit",
    "soft_time_limit": "task_soft_time_limit",
    "priority": "task_default_priority",
    "queue": "task_default_queue",
}
"""Task attribute → the setting that stands in where the attribute is None."""


class Task(Generic[P, R]):
    """A unit of work known by `name`. Made by ``@app.task``, or by subclassing with a `run` method.

    Attributes that are None take the setting of the same meaning when they are first used. `request` is what a
    run knows of itself. `max_retries` None means no limit; delays are seconds.
    """

    name: str = ""
    app: KernelQ
    typing: bool | None = None
    max_retries: int | None = 3
    default_retry_delay: float = 180
    autoretry_for: tuple[type[BaseException], ...] = ()
    dont_autoretry_for: tuple[type[BaseException], ...] = ()
    retry_kwargs: Mapping[str, Any] = {}
    retry_backoff: bool | int = False
    retry_backoff_max: float = 600
    retry_jitter: bool = True
    throws: tuple[type[BaseException], ...] = ()
    expires: float | datetime.datetime | None = None
    serializer: str | None = None
    queue: str | None = None
    priority: int | None = None
    acks_late: bool | None = None
    acks_on_failure: bool | None = None
    acks_on_timeout: bool | None = None
    track_started: bool | None = None
    ignore_result: bool | None = None
    store_errors_even_if_ignored: bool | None = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    trail: bool = True
    MaxRetriesExceededError = MaxRetriesExceededError

    is_plain: bool = True
    """Whether calling the task is just calling `run`: its class has no `__call__` of its own."""

    _head: Callable[..., Any] | None = None

    @classmethod
    def from_function(cls, app: KernelQ, fun: Callable[..., Any], name: str, options: dict[str, Any]) -> Task[..., Any]:
        """The task that runs `fun`; with the option `bind` the task itself is its first argument."""
        options = dict(options)
        bound = options.pop("bind", False)
        attributes = {
            "run": fun if bound else staticmethod(fun),
            "__doc__": fun.__doc__,
            "__module__": fun.__module__,
            "__wrapped__": fun,
        }
        task = cast("Task[..., Any]", type(fun.__name__, (cls,), attributes)())
        task.name = name
        task.bind(app, options)
        return task

    def bind(self, app: KernelQ, options: Mapping[str, Any] | None = None) -> None:
        """Tie the task to an app and set options as attributes."""
        self.app = app
        for option, value in (options or {}).items():
            setattr(self, option, value)
        self.autoretry_for = tuple(self.autoretry_for)
        self.is_plain = type(self).__call__ is Task.__call__
        typing = app.strict_typing if self.typing is None else self.typing
        self._head = _head_of(self.run) if typing else None

    # --- running

    def run(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The work itself; class-based tasks override it."""
        raise NotImplementedError(f"task {self.name!r} has no run method")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run here and now, in this process, without a message."""
        frame = frames.get()
        if frame is not None and frame.task is self and not frame.request.called_directly:
            return self.run(*args, **kwargs)  # an overridden __call__ came up to us
        token = frames.set(Frame(self, Context(args=args, kwargs=dict(kwargs), called_directly=True), frame))
        try:
            return self.run(*args, **kwargs)
        finally:
            frames.reset(token)

    @property
    def request(self) -> Context:
        """What the innermost run of this task here knows of itself."""
        frame = frames.get()
        while frame is not None:
            if frame.task is self:
                return frame.request
            frame = frame.parent
        return _OUTSIDE

    # --- calling

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """Send the task to a worker: ``apply_async`` without options."""
        return self.app.publisher.send(self, self.name, args, kwargs, {})

    def apply_async(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        **options: Any,
    ) -> AsyncResult[R]:
        """Send the task to a worker.

        Options: `countdown` (seconds), `eta` (datetime or ISO text), `expires` (seconds, datetime or ISO text),
        `queue`, `priority` (0 to 9, the higher the sooner), `serializer`, `time_limit`, `soft_time_limit` (seconds),
        `ignore_result`, `headers`, `shadow`, `retry`, `retry_policy`. The call's options win over the task's attributes.

        Raises:
            TypeError: the arguments do not fit the function, or an option is unknown.
            EncodeError: an argument cannot be serialised; names it.
            BrokerUnavailable: the broker did not accept it.
        """
        if task_id is not None:
            options["task_id"] = task_id
        return self.app.publisher.send(self, self.name, args, kwargs, options)

    def AsyncResult(self, id: str) -> AsyncResult[R]:
        """The result of an earlier call, by its id."""
        return self.app.AsyncResult(id)

    def check_arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise `TypeError` when the arguments do not fit the function."""
        if self._head is not None:
            self._head(*args, **kwargs)

    def option(self, name: str) -> Any:
        """The attribute `name`, or the setting that stands in for it."""
        value = getattr(self, name)
        return self.app.conf.get(_FROM_CONFIG[name]) if value is None and name in _FROM_CONFIG else value

    # --- inside a run

    def retry(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        exc: BaseException | None = None,
        throw: bool = True,
        eta: datetime.datetime | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> Retry:
        """Run this task again later, under the same id.

        `countdown` seconds from now (default `default_retry_delay`), or at `eta`. Raises `Retry` to end this run; with
        ``throw=False`` returns it and goes on. When the retries are used up it raises `exc`, else
        `MaxRetriesExceededError`. Called outside a worker it raises `exc` or the current exception.
        """
        request = self.request
        if request.called_directly or request.message is None:
            raise _cause(exc) or Retry("task can be retried", None)
        limit = self.max_retries if max_retries is None else max_retries
        if limit is not None and request.retries >= limit:
            raise exc or MaxRetriesExceededError(
                f"cannot retry {self.name}[{request.id}]: its {limit} retries are used up",
                task_args=request.args,
                task_kwargs=request.kwargs,
            )
        if eta is None and countdown is None:
            countdown = self.default_retry_delay
        successor = self.app.publisher.again(
            self, request, args, kwargs, {"eta": eta, "countdown": countdown, **options}
        )
        error = Retry(exc=_cause(exc), when=eta if countdown is None else countdown, sig=successor)
        if throw:
            # The successor travels with the end of this run, so that neither exists without the other.
            raise error
        self.app.publisher.publish([successor])
        return error

    def retry_countdown(self, retries: int) -> float | None:
        """Seconds until an automatic retry: the backoff, else what `retry_kwargs` says (None: the default)."""
        if not self.retry_backoff:
            return cast("float | None", self.retry_kwargs.get("countdown"))
        return backoff(int(max(1, self.retry_backoff)), retries, self.retry_backoff_max, jitter=self.retry_jitter)

    def update_state(self, task_id: str | None = None, state: str | None = None, meta: Any = None, **_: Any) -> None:
        """Store a state of your own with `meta` as its result; whoever waits with `on_message` sees it."""
        from .execute import store_state

        store_state(self, task_id or self.request.id, state or "PROGRESS", meta)

    @property
    def backend(self) -> Backend:
        """The app's result backend."""
        return self.app.backend

    # --- handlers, for subclasses; all run where the task runs, their return values are ignored

    def before_start(self, task_id: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Before `run`; an exception here is the task's failure."""

    def on_success(self, retval: Any, task_id: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """After the result is stored."""

    def on_failure(
        self, exc: BaseException, task_id: str, args: Sequence[Any], kwargs: Mapping[str, Any], einfo: Any
    ) -> None:
        """After the failure is stored."""

    def on_retry(
        self, exc: BaseException, task_id: str, args: Sequence[Any], kwargs: Mapping[str, Any], einfo: Any
    ) -> None:
        """After the retry is published and stored."""

    def after_return(
        self, status: str, retval: Any, task_id: str, args: Sequence[Any], kwargs: Mapping[str, Any], einfo: Any
    ) -> None:
        """Last, after success and failure."""

    def overrides(self, *handlers: str) -> bool:
        """Whether the task's class has a handler of its own among these."""
        return any(getattr(type(self), handler) is not getattr(Task, handler) for handler in handlers)

    # --- identity

    def where(self) -> str:
        """Module, file and line of the function, for messages."""
        code = getattr(inspect.unwrap(self.run), "__code__", None)
        return f"{self.run.__module__} ({code.co_filename}:{code.co_firstlineno})" if code else type(self).__module__

    def is_same_function(self, other: Task[..., Any]) -> bool:
        """Whether both come from one definition, imported twice perhaps."""
        return self.where() == other.where()

    def __repr__(self) -> str:
        return f"<@task: {self.name} of {self.app.main or '__main__'}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_find_task, (self.name, type(self).__module__))


def _find_task(name: str, module: str) -> Task[..., Any]:
    from importlib import import_module

    from .app import KernelQ

    import_module(module)
    return KernelQ.current().tasks[name]


def _cause(exc: BaseException | None) -> BaseException | None:
    import sys

    return exc if exc is not None else sys.exc_info()[1]


def _head_of(fun: Callable[..., Any]) -> Callable[..., Any] | None:
    """A function that takes what `fun` takes and does nothing: calling it checks arguments in 0.1 µs.

    `inspect.Signature.bind` gives the same errors at thirty times the cost (3 µs, measured on 3.11).
    """
    try:
        parameters = list(inspect.signature(fun).parameters.values())
    except (TypeError, ValueError):
        return None  # a builtin without a signature; the worker will tell
    plain = [
        parameter.replace(
            annotation=parameter.empty, default=parameter.empty if parameter.default is parameter.empty else None
        )
        for parameter in parameters
    ]
    name = getattr(fun, "__name__", "run")
    if not name.isidentifier():
        name = "run"
    space: dict[str, Any] = {}
    exec(f"def {name}{inspect.Signature(plain)}: pass", space)  # names come from a signature, not from users
    head: Callable[..., Any] = space[name]
    head.__qualname__ = getattr(fun, "__qualname__", name)
    return head
