"""`current_app`, `current_task`, `shared_task`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

from kernelq import KernelQ, Task
from kernelq.contracts import running

P = ParamSpec("P")
R = TypeVar("R")

shared: list[Callable[[KernelQ], Any]] = []
"""What `shared_task` declared, to be done for every app."""


class _Proxy:
    """Stands for an object that is looked up at each use."""

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[], Any]) -> None:
        object.__setattr__(self, "_find", find)

    def _get_current_object(self) -> Any:
        """The object itself, as other libraries' proxies call it."""
        return self._find()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._find(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._find(), name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._find()(*args, **kwargs)

    def __bool__(self) -> bool:
        return self._find() is not None

    def __eq__(self, other: object) -> bool:
        return bool(self._find() == (other._get_current_object() if isinstance(other, _Proxy) else other))

    def __hash__(self) -> int:
        return hash(self._find())

    def __repr__(self) -> str:
        return repr(self._find())


def _running_task() -> Any:
    request = running()
    return KernelQ.current().tasks.get(request.task) if request is not None and request.message is not None else None


current_app: Any = _Proxy(KernelQ.current)
current_task: Any = _Proxy(_running_task)


@overload
def shared_task(fun: Callable[P, R], /) -> Task[P, R]: ...


@overload
def shared_task(**options: Any) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def shared_task(*args: Any, **options: Any) -> Any:
    """A task for every app; use it as ``@shared_task`` or ``@shared_task(name=…, bind=True, …)``.

    Raises:
        TypeError: applied twice to one function.
    """

    def share(fun: Callable[..., Any]) -> Any:
        if isinstance(fun, _Proxy):
            raise TypeError("shared_task was applied twice to one function")

        def declare(app: KernelQ) -> None:
            make: Any = app.task(**options)
            make(fun)

        shared.append(declare)
        for app in KernelQ.finalized_apps():
            declare(app)

        def find() -> Task[..., Any]:
            app = KernelQ.current()
            return app.tasks[options.get("name") or app.gen_task_name(fun.__name__, fun.__module__)]

        return _Proxy(find)

    return share(args[0]) if args else share
