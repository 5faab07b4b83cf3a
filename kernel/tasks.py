"""The task registry, and how tasks get their names."""

from __future__ import annotations

import difflib
import sys
import warnings
from typing import Any

from .errors import DuplicateTaskNameWarning, NotRegistered
from .task import Task


def name_of(name: str, module: str, main: str | None) -> str:
    """``module.name``; in the program's main module the app's own name stands for ``__main__``."""
    if module == "__main__":
        module = main or _main_module()
    return f"{module}.{name}"


def _main_module() -> str:
    # `python -m proj.tasks` and a worker importing proj.tasks must agree on the name.
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec.name.removesuffix(".__main__") if spec is not None else "__main__"


class TaskRegistry(dict[str, Task[..., Any]]):
    """Tasks by name; a missing one raises `NotRegistered`, naming the nearest."""

    def __missing__(self, name: str) -> Task[..., Any]:
        near = difflib.get_close_matches(name, list(self), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "; is its module imported?"
        raise NotRegistered(f"no task {name!r} is registered{hint}")

    def add(self, task: Task[..., Any], *, replace: bool = False) -> Task[..., Any]:
        """Register a task; the first of two different functions under one name stays, with a warning."""
        known = self.get(task.name)
        if known is not None and not replace:
            if known.where() != task.where():  # else one function, imported twice
                warnings.warn(
                    f"the task name {task.name!r} is taken by {known.where()}; {task.where()} is left out. "
                    "Give it a name of its own: @app.task(name=…)",
                    DuplicateTaskNameWarning,
                    stacklevel=4,
                )
            return known
        self[task.name] = task
        return task

    def unregister(self, name: str | Task[..., Any]) -> None:
        """Take a task out; raises `NotRegistered` when it is not in."""
        name = name if isinstance(name, str) else name.name
        if self.pop(name, None) is None:
            raise NotRegistered(f"no task {name!r} is registered")
