"""What this plugin adds to tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from kernelq.contracts import frames

from .local import apply

if TYPE_CHECKING:
    from kernelq import EagerResult

P = ParamSpec("P")
R = TypeVar("R")


class TaskMethods(Generic[P, R]):
    """Attributes of every task, found by the entry points ``Task.<name>``."""

    def apply(
        self: Any,
        args: Any = None,
        kwargs: Any = None,
        link: Any = None,
        link_error: Any = None,
        task_id: str | None = None,
        retries: int | None = None,
        throw: bool | None = None,
        logfile: str | None = None,
        loglevel: int | str | None = None,
        headers: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> EagerResult[R]:
        """Run the task here and now as a worker would, retries and callbacks too, and return its result.

        Options are those of `apply_async`; what they say of time (`countdown`, `eta`, `expires`) means nothing. `retries` is how
        many there were before. `throw` raises the task's exception here (default: the setting `task_eager_propagates`).

        Raises:
            TypeError: the arguments do not fit the function, or an option is unknown.
            EncodeError: an argument cannot be serialised; names it.
            ContentDisallowed: by a serializer that `accept_content` does not list.
        """
        given = {
            "link": link, "link_error": link_error, "task_id": task_id, "retries": retries, "headers": headers,
        }  # fmt: skip
        options.update({name: value for name, value in given.items() if value is not None})
        is_raised = self.app.conf.task_eager_propagates if throw is None else throw
        result = apply(self, args, kwargs, options, is_raised, {"logfile": logfile, "loglevel": loglevel})
        frame = frames.get()
        # To a task in a worker it is none of its children: who asked the backend for it would wait in vain.
        if frame is not None and frame.request.is_eager and frame.task.trail and options.get("add_to_parent", True):
            frame.request.children.append(result)
        return cast("EagerResult[R]", result)
