"""Validating: a task's function with its models read before it and dumped after it."""

from __future__ import annotations

import functools
import sys
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from kernelq.contracts import ImproperlyConfigured

if TYPE_CHECKING:
    from kernelq import Task

    from .models import Models


def validate(task: Task[..., Any]) -> None:
    """Let a task read and dump its models; once. pydantic is imported with the first call or run."""
    run = task.run
    if hasattr(run, "__models__"):
        return

    @functools.cache
    def models() -> Models:
        try:
            from .models import Models
        except ImportError as error:
            raise ImproperlyConfigured(
                f"the task {task.name!r} has pydantic=True, which needs pydantic ({error}); "
                "try: pip install 'kernelq[pydantic]'"
            ) from error
        return Models(task, run)

    @functools.wraps(run)
    def validated(*args: Any, **kwargs: Any) -> Any:
        known = models()
        args, kwargs = known.read(args, kwargs)
        value = run(*args, **kwargs)
        return known.dump_later(value) if type(value) is CoroutineType else known.dump(value)

    check = task.check

    def check_and_offer(*args: Any, **kwargs: Any) -> None:
        if check is not None:
            check(*args, **kwargs)
        if "pydantic" in sys.modules:  # else there can be no model among them
            models().offer(args, kwargs)

    validated.__models__ = models  # type: ignore[attr-defined]  # marks it as done
    # Of this task alone: its class may have others.
    vars(task).update(run=validated, check=check_and_offer)
