"""What `task_always_eager` makes of calls: run here those of tasks, warn of those by name."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any, Final, cast

from kernelq import KernelQ, hookimpl
from kernelq.contracts import StashKey
from kernelq.exceptions import AlwaysEagerIgnored

if TYPE_CHECKING:
    from kernelq import AsyncResult, Task
    from kernelq.contracts import Caller, Message

NOT_HERE: Final = frozenset({"retry", "retry_policy", "session"})
"""Options that are about the way to the broker."""


class Warner:
    """Says so when a message is published although calls are to run here: a plugin of its own, registered with the first caller."""

    @hookimpl
    def before_task_publish(self, app: KernelQ, message: Message) -> None:
        """Warn on behalf of who called `send_task`."""
        if app.conf.task_always_eager:
            warnings.warn(
                f"task_always_eager has no effect on app.send_task, so {message.task} goes to the broker; "
                "call the task's own delay or apply_async to run it here",
                AlwaysEagerIgnored,
                stacklevel=_depth_of_caller(),
            )


_WARNER: StashKey[Warner] = StashKey()


def begin(app: KernelQ) -> Caller:
    """What runs calls of the app's tasks from here on."""
    if _WARNER not in app.stash:
        app.stash[_WARNER] = warner = Warner()
        app.register_plugin(warner, "eager:warner")
    return run_here


def run_here(task: Task[..., Any], args: Any, kwargs: Any, options: dict[str, Any]) -> AsyncResult[Any]:
    """Run a call as `Task.apply` does."""
    given = {name: value for name, value in options.items() if name not in NOT_HERE}
    result: AsyncResult[Any] = cast(Any, task).apply(args, kwargs, **given)
    return result


def _depth_of_caller() -> int:
    """How many frames up, seen from the function that calls this, the first one is that is not ours."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith(
        ("kernelq.", "kernelq_plugins.")
    ):
        depth, frame = depth + 1, frame.f_back
    return depth
