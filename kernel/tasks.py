"""The task registry, and how tasks get their names."""

from __future__ import annotations

import sys
from typing import Any

from .errors import DuplicateTaskNameWarning, NotRegistered, nearest
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
        hint = nearest(name, self, 0.6) or "; is its module imported?"
        raise NotRegistered(f"no task {name!r} is registered{hint}")

    def add(self, task: Task[..., Any], *, replace: bool = False) -> Task[..., Any]:
        """Register a task; of two different functions under one name the first stays (with `replace` the second), with a
        warning at the second."""
        known = self.get(task.name)
        if known is not None and known.where() != task.where():  # else one function, imported twice
            import inspect
            import warnings

            code, end = getattr(inspect.unwrap(task.run), "__code__", None), "replaces it" if replace else "is left out"
            warnings.warn_explicit(
                f"the task name {task.name!r} is taken by {known.where()}; {task.where()} {end}. "
                "Give it a name of its own: @app.task(name=…)",
                DuplicateTaskNameWarning,
                filename=code.co_filename if code else str(task.run.__module__),
                lineno=code.co_firstlineno if code else 1,
            )
        if known is not None and not replace:
            return known
        self[task.name] = task
        return task

    def unregister(self, name: str | Task[..., Any]) -> None:
        """Take a task out; raises `NotRegistered` when it is not in."""
        name = name if isinstance(name, str) else name.name
        if self.pop(name, None) is None:
            raise NotRegistered(f"no task {name!r} is registered")
