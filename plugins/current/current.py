"""`current_app`, `current_task`, `shared_task`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

from kernelq import KernelQ, Task
from kernelq.contracts import frames

from .proxy import Proxy

P = ParamSpec("P")
R = TypeVar("R")

SAID = ("__module__", "__name__", "__qualname__", "__doc__")
"""What a shared task says of itself without being looked up: it is its function's."""

shared: list[Callable[[KernelQ], Any]] = []
"""What `shared_task` declared, to be done for every app."""


class _NoApp(KernelQ):
    """What `KernelQ.current` makes where there is no app, when that is to be an error."""

    def __init__(self, *_: Any) -> None:
        raise RuntimeError(
            "no app is current here, and KERNELQ_TRACE=app forbids to make one; import the module of your app first, "
            "or call app.set_default() there"
        )


def find_app() -> KernelQ:
    """The current app.

    Raises:
        RuntimeError: there is none, and ``KERNELQ_TRACE=app`` asks to be told.
    """
    if "app" in os.environ.get("KERNELQ_TRACE", "").split(","):
        return _NoApp.current()
    return KernelQ.current()


def _running_task() -> Task[..., Any] | None:
    frame = frames.get()
    return None if frame is None else frame.task


current_app: Any = Proxy(find_app, {"__class__": KernelQ})
current_task: Any = Proxy(_running_task)


@overload
def shared_task(fun: Callable[P, R], /) -> Task[P, R]: ...


@overload
def shared_task(**options: Any) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def shared_task(*args: Any, **options: Any) -> Any:
    """A task for every app; use it as ``@shared_task`` or ``@shared_task(name=…, bind=True, …)``.

    What it gives stands for the task of the current app, looked up at each use.

    Raises:
        TypeError: applied twice to one function, or to something else than a function.
    """

    def share(fun: Callable[..., Any]) -> Any:
        if type(fun) is Proxy:
            raise TypeError(f"shared_task was applied twice to {fun.__wrapped__.__qualname__}; remove one of the two")
        if isinstance(fun, Task):
            raise TypeError(f"{fun.name} is a task of one app already; share it by @app.task(shared=True)")

        def declare(app: KernelQ) -> None:
            make: Any = app.task(**{**options, "shared": False})  # each app makes its own; none of them shares it again
            make(fun)

        _declare(declare)

        def find() -> Task[..., Any]:
            app = find_app()
            return app.tasks[options.get("name") or app.gen_task_name(fun.__name__, fun.__module__)]

        return Proxy(
            find,
            {
                "__class__": Task,
                "__wrapped__": fun,
                **{name: getattr(fun, name) for name in SAID if hasattr(fun, name)},
            },
        )

    if len(args) > 1 or (args and not callable(args[0])):
        raise TypeError(f"expected a function to make a shared task of, got {args!r}; give options by keyword")
    return share(args[0]) if args else share


def share_with_others(owner: KernelQ, task: Task[..., Any]) -> None:
    """Give every other app, also those made later, a task like this one of `owner`."""
    about = vars(type(task))
    fun: Callable[..., Any] = getattr(type(task), "__wrapped__")  # noqa: B009  (on the class, so that it is not bound)
    options = {
        name: value for name, value in about.items() if not name.startswith("__") and name not in ("run", "shared")
    }
    options["bind"] = not isinstance(about["run"], staticmethod)

    def declare(app: KernelQ) -> None:
        if app is not owner:
            make: Any = app.task(**options)
            make(fun)

    _declare(declare)


def _declare(declare: Callable[[KernelQ], Any]) -> None:
    shared.append(declare)
    for app in KernelQ.finalized_apps():
        declare(app)
