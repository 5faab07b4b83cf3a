"""What plugins add to every app and task, as type checkers see it; at run time `_api.graft` finds it by entry point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from kernelq_plugins.commands.methods import AppMethods as Commands
    from kernelq_plugins.results.methods import AppMethods as Results
    from kernelq_plugins.results.methods import TaskMethods as TaskResults
    from kernelq_plugins.settings_sources.methods import AppMethods as Sources
    from kernelq_plugins.worker.methods import AppMethods as Work

    P = ParamSpec("P")
    R = TypeVar("R")

    class AppMethods(Commands, Results, Sources, Work):
        """Attributes of `KernelQ` that live in plugins."""

    class TaskMethods(TaskResults[P, R], Generic[P, R]):
        """Attributes of `Task` that live in plugins."""
