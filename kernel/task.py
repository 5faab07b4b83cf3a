"""The task: a function with a name and defaults, and the ways to call it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from . import _api
from .errors import MaxRetriesExceededError

if TYPE_CHECKING:
    from kernelq import AsyncResult
    from kernelq_plugins._offered import TaskMethods

    from .app import KernelQ
    from .context import Context
else:
    TaskMethods = Generic

P = ParamSpec("P")
R = TypeVar("R")

HANDLERS = ("before_start", "on_success", "on_failure", "on_retry", "after_return")

_SETTINGS = {name: f"task_default_{name}" for name in ("priority", "queue", "rate_limit", "delivery_mode")}
"""Task attribute → the setting that stands in where it is None; for the others it is ``task_<attribute>``."""


class Task(TaskMethods[P, R]):
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
    compression: str | None = None
    queue: str | None = None
    exchange: str | None = None
    routing_key: str | None = None
    delivery_mode: int | str | None = None
    priority: int | None = None
    rate_limit: str | float | None = None
    acks_late: bool | None = None
    acks_on_failure: bool | None = None
    acks_on_timeout: bool | None = None
    track_started: bool | None = None
    ignore_result: bool | None = None
    store_errors_even_if_ignored: bool | None = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    trail: bool = True
    send_events: bool = True
    resultrepr_maxsize: int = 1024
    MaxRetriesExceededError = MaxRetriesExceededError

    is_shadowed: bool = False  # its class has a `shadow_name` of its own
    is_called_apart: bool = False  # its class has an `apply_async` of its own
    is_plain: bool = True
    """Whether calling the task is just calling `run`: its class has no `__call__` of its own."""

    handlers: frozenset[str] = frozenset()
    """Those of `HANDLERS` that the task's class has of its own."""

    check: Callable[..., object] | None = None
    """Called with the arguments of each call before it is published; raises `TypeError` when they do not fit."""

    _resolved: dict[str | tuple[str, ...], Any]
    _generation = -1

    @classmethod
    def from_function(cls, app: KernelQ, fun: Callable[..., Any], name: str, options: dict[str, Any]) -> Task[..., Any]:
        """The task that runs `fun`; with the option `bind` the task itself is its first argument."""
        options = dict(options)
        bound = options.pop("bind", False)
        attributes = {
            "run": fun if bound else staticmethod(fun),
            "__doc__": fun.__doc__,
            "__name__": fun.__name__,
            "__module__": fun.__module__,
            "__wrapped__": fun if bound else staticmethod(fun),
            "name": name,
            **options,  # on the class, so that a function given as a handler is a method
        }
        task = cast("Task[..., Any]", type(fun.__name__, (cls,), attributes)())
        task.bind(app)
        return task

    def bind(self, app: KernelQ, options: Mapping[str, Any] | None = None) -> None:
        """Tie the task to an app and set options as attributes."""
        self.app = app
        self._resolved = {}
        # What this process has seen of it: how many runs ended, and when one last succeeded (UTC epoch seconds, 0: never).
        self.runs = SimpleNamespace(ended=0, succeeded_at=0.0)
        for option, value in (options or {}).items():
            setattr(self, option, value)
        self.autoretry_for = tuple(self.autoretry_for)
        if self.time_limit is not None and self.soft_time_limit is not None and self.soft_time_limit > self.time_limit:
            raise ValueError(
                f"the soft time limit of {self.name} must not be above the hard one ({self.time_limit:g} s)"
            )
        self.is_plain = type(self).__call__ is Task.__call__
        self.is_called_apart = type(self).apply_async is not Task.apply_async
        self.is_shadowed = type(self).shadow_name is not Task.shadow_name
        self.handlers = frozenset(name for name in HANDLERS if getattr(type(self), name) is not getattr(Task, name))

    # --- running

    def run(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The work itself; class-based tasks override it."""
        raise NotImplementedError(f"task {self.name!r} has no run method")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run here and now, in this process, without a message."""
        from .context import Context, Frame, frames

        frame = frames.get()
        if frame is not None and frame.task is self and not frame.request.called_directly:
            return self.run(*args, **kwargs)  # an overridden __call__ came up to us
        if not self.app.finalized:
            self.app.finalize(auto=True)  # plugins may have something to put around it
        token = frames.set(Frame(self, Context(args=args, kwargs=dict(kwargs), called_directly=True), frame))
        try:
            return self.run(*args, **kwargs)
        finally:
            frames.reset(token)

    @property
    def request(self) -> Context:
        """What the innermost run of this task here knows of itself."""
        from .context import frames

        frame = frames.get()
        while frame is not None:
            if frame.task is self:
                return frame.request
            frame = frame.parent
        return _outside()

    # --- calling

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """Send the task to a worker: ``apply_async`` without options."""
        if self.is_called_apart:
            return self.apply_async(args, kwargs)
        return self.app.publisher.call(self, args, kwargs, {})

    def apply_async(
        self, args: Any = None, kwargs: Any = None, task_id: str | None = None, **options: Any
    ) -> AsyncResult[R]:
        """Send the task to a worker, with `args` (list or tuple), `kwargs` (mapping) and options.

        Options: `countdown` (seconds), `eta` (datetime or ISO text), `expires` (seconds, datetime or ISO text),
        `queue`, `exchange`, `routing_key`, `priority` (0 to 9, the higher the sooner), `serializer`, `compression`,
        `time_limit`, `soft_time_limit` (seconds), `ignore_result`, `headers`, `shadow`, `link`, `link_error` (a signature or
        a list: what is called with the value, or on failure), `retry`, `retry_policy`. They win over the task's attributes.

        Raises:
            TypeError: the arguments do not fit the function, or an option is unknown.
            EncodeError: an argument cannot be serialised; names it.
            BrokerUnavailable: the broker did not accept it.
        """
        if task_id is not None:
            options["task_id"] = task_id
        return self.app.publisher.call(self, args, kwargs, options)

    def shadow_name(self, args: Any, kwargs: Any, options: Mapping[str, Any]) -> str | None:
        """The name of one call in logs and monitors; to be overridden. None: the task's own."""
        return None

    def option(self, name: str) -> Any:
        """The attribute `name`, or the setting that stands in for it; looked up once for each state of the settings."""
        generation = self.app.conf.layers.generation
        if self._generation != generation:
            self._resolved, self._generation = {}, generation
        try:
            return self._resolved[name]
        except KeyError:
            value = getattr(self, name)
            found = self.app.conf[_SETTINGS.get(name, f"task_{name}")] if value is None else value
            return self._resolved.setdefault(name, found)

    def options(self, names: tuple[str, ...]) -> tuple[Any, ...]:
        """Several options at once, looked up at once: for what is asked at each call or run."""
        if self._generation != self.app.conf.layers.generation or names not in self._resolved:
            self._resolved[names] = tuple(map(self.option, names))
        return self._resolved[names]  # type: ignore[no-any-return]  # it holds values of all kinds

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__.get("_resolved", {}).clear()
        super().__setattr__(name, value)

    def limits(self, request: Context) -> tuple[float | None, float | None]:
        """(hard, soft) seconds of a run: the call's, else the task's, else the settings'."""
        hard, soft = (request.message and request.message.timelimit) or (None, None)
        return (
            self.option("time_limit") if hard is None else hard,
            self.option("soft_time_limit") if soft is None else soft,
        )

    # --- handlers, for subclasses; all run where the task runs, their return values are ignored

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """Before `run`; an exception here is the task's failure."""

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        """After the result is stored."""

    def on_failure(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """After the failure is stored."""

    def on_retry(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """After the retry is published and stored."""

    def after_return(self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Last, after success and failure."""

    # --- identity

    def where(self) -> str:
        """Module, file and line of the function, for messages."""
        import inspect

        code = getattr(inspect.unwrap(self.run), "__code__", None)
        return f"{self.run.__module__} ({code.co_filename}:{code.co_firstlineno})" if code else type(self).__module__

    def __repr__(self) -> str:
        return f"<@task: {self.name} of {self.app.main or '__main__'}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_find_task, (self.name, type(self).__module__))


_api.graft(Task)


@cache
def _outside() -> Context:
    from .context import Context

    return Context(called_directly=True)


def _find_task(name: str, module: str) -> Task[..., Any]:
    from .app import KernelQ

    import_module(module)
    return KernelQ.current().tasks[name]
