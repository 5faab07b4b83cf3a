"""What this plugin adds to the app and to tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from kernelq import Context
from kernelq.contracts import Message, Recorder

from .result import AsyncResult

if TYPE_CHECKING:
    from kernelq.contracts import Backend

P = ParamSpec("P")
R = TypeVar("R")


class AppMethods:
    """Attributes of every app, found by the entry points ``KernelQ.<name>``."""

    def AsyncResult(self: Any, id: str, **options: Any) -> AsyncResult[Any]:
        """The result of a task by id."""
        return AsyncResult(id, app=self, **options)


class TaskMethods(Generic[P, R]):
    """Attributes of every task, found by the entry points ``Task.<name>``."""

    def AsyncResult(self: Any, task_id: str) -> AsyncResult[R]:
        """The result of an earlier call, by its id."""
        return AsyncResult(task_id, app=self.app)

    def update_state(self: Any, task_id: str | None = None, state: str = "PROGRESS", meta: Any = None) -> None:
        """Store a state of your own with `meta` as its result; whoever waits with `on_message` sees it."""
        request = self.request
        message = request.message
        if message is None or (task_id is not None and task_id != message.id):
            if task_id is None:
                raise ValueError(f"update_state of {self.name} outside a run needs a task_id")
            message, request = Message(id=task_id, task=self.name, body=b""), Context()
        Recorder(self.app, request.hostname).state(request, message, state, meta)

    @property
    def backend(self: Any) -> Backend:
        """The app's result backend."""
        found: Backend = self.app.backend
        return found
