"""KernelQ: a distributed task queue, a small kernel with everything else in plugins.

The public names. Each is imported when it is first used, so that defining an app and its tasks loads
no client library, no command line and no plugin. A name that lives in a plugin (entry-point group
``kernelq.api``) is found the same way.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import _api

if TYPE_CHECKING:
    from kernelq_plugins._offered import *  # noqa: F403  (its __all__ is what plugins offer)

    from .app import KernelQ as KernelQ
    from .bootsteps import Blueprint as Blueprint
    from .bootsteps import ConsumerStep as ConsumerStep
    from .bootsteps import StartStopStep as StartStopStep
    from .bootsteps import Step as Step
    from .context import Context as Context
    from .errors import Ignore as Ignore
    from .errors import KernelQError as KernelQError
    from .errors import Reject as Reject
    from .errors import Retry as Retry
    from .errors import SoftTimeLimitExceeded as SoftTimeLimitExceeded
    from .hooks import hookimpl as hookimpl
    from .ids import uuid as uuid
    from .settings import Option as Option
    from .task import Task as Task

__version__ = "0.1.0"

_HOME = {
    name: module
    for module, names in {
        "app": "KernelQ",
        "bootsteps": "Blueprint ConsumerStep StartStopStep Step",
        "context": "Context",
        "errors": "Ignore KernelQError Reject Retry SoftTimeLimitExceeded",
        "hooks": "hookimpl",
        "ids": "uuid",
        "settings": "Option",
        "task": "Task",
    }.items()
    for name in names.split()
}
"""Public name → module of the kernel."""

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604  (the names of _HOME are strings)


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    value = getattr(import_module(f".{home}", __name__), name) if home else _api.find(name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


_api.install()
