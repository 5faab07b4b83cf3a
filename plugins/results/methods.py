"""What this plugin adds to the app and to tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from kernelq.contracts import StashKey
from msgspec.structs import replace

from .eager import EagerResult as _EagerResult
from .group_result import GroupResult as _GroupResult
from .result import AsyncResult as _AsyncResult
from .result_set import ResultSet as _ResultSet
from .storing import by_hand, of_run, store

if TYPE_CHECKING:
    from kernelq import KernelQ
    from kernelq.contracts import Backend

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)

_CLASSES: StashKey[dict[type, type]] = StashKey()
"""The classes of results whose app is this one."""


class AppMethods:
    """Attributes of every app, found by the entry points ``KernelQ.<name>``."""

    @property
    def AsyncResult(self: Any) -> type[_AsyncResult[Any]]:
        """The class of results of this app: ``app.AsyncResult(id)`` is the result of a task by id."""
        return _bound(self, _AsyncResult)

    @property
    def ResultSet(self: Any) -> type[_ResultSet[Any]]:
        """The class of sets of results of this app."""
        return _bound(self, _ResultSet)

    @property
    def GroupResult(self: Any) -> type[_GroupResult[Any]]:
        """The class of results of groups of this app; ``app.GroupResult.restore(id)`` finds a saved one."""
        return _bound(self, _GroupResult)

    @property
    def EagerResult(self: Any) -> type[_EagerResult[Any]]:
        """The class of results of tasks run on the spot, of this app."""
        return _bound(self, _EagerResult)


class TaskMethods(Generic[P, R]):
    """Attributes of every task, found by the entry points ``Task.<name>``."""

    def AsyncResult(self: Any, task_id: str, **options: Any) -> _AsyncResult[R]:
        """The result of an earlier call, by its id."""
        return _AsyncResult(task_id, task_name=self.name, app=self.app, **options)

    def update_state(self: Any, task_id: str | None = None, state: str = "PROGRESS", meta: Any = None) -> None:
        """Store a state of your own with `meta` as its result; whoever waits with `on_message` sees it.

        Nothing replaces a SUCCESS.
        """
        request = self.request
        message = request.message
        if message is None and task_id is None:
            raise ValueError(f"update_state of {self.name} outside a run needs a task_id")
        if not self.app.backend_url:
            return
        backend = self.app.backend
        if message is not None and task_id in (None, message.id):
            outcome = of_run(self.app, request, message, state, meta)
        else:
            outcome = replace(by_hand(self.app, backend, str(task_id), state, meta), task=self.name)
        store(self.app, backend, outcome)

    @property
    def backend(self: Any) -> Backend:
        """The app's result backend."""
        found: Backend = self.app.backend
        return found


def _bound(app: KernelQ, base: C) -> C:
    """A subclass of `base` whose instances belong to the app; the same one each time."""
    made = app.stash.setdefault(_CLASSES, {})
    if base not in made:
        # Subscriptable as its base: types are generic to type checkers only.
        attributes = {"_app": app, "__module__": base.__module__, "__class_getitem__": classmethod(lambda cls, _: cls)}
        made[base] = type(base.__name__, (base,), attributes)
    return cast(C, made[base])
