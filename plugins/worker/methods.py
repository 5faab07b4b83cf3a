"""What this plugin adds to the app: workers, and the modules they import."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from kernelq.contracts import StashKey

if TYPE_CHECKING:
    from kernelq import KernelQ, Worker

DISCOVERIES: StashKey[list[Callable[[], None]]] = StashKey()
"""What `autodiscover_tasks` left to be done when a worker starts."""


class AppMethods:
    """Attributes of every app, found by the entry points ``KernelQ.<name>``."""

    def Worker(self: Any, **options: Any) -> Worker:
        """A worker of this app; see `kernelq.Worker`."""
        from .worker import Worker

        return Worker(self, **options)

    def autodiscover_tasks(
        self: Any,
        packages: Iterable[str] | Callable[[], Iterable[str]] = (),
        related_name: str | None = "tasks",
        force: bool = False,
    ) -> None:
        """Import ``<package>.<related_name>`` of every package when a worker starts, or now with `force`."""

        def discover() -> None:
            import_related(packages() if callable(packages) else packages, related_name)

        if force:
            discover()
        else:
            self.stash.setdefault(DISCOVERIES, []).append(discover)

    def import_modules(self: Any) -> None:
        """Import what `imports`, `include` and `autodiscover_tasks` name; called when a worker starts."""
        load_modules(self)
        self.plugins.notify("import_modules", app=self)


def load_modules(app: KernelQ) -> None:
    """The same without telling anybody, so that the tasks can be shown before a worker starts."""
    import_related((*app.conf.imports, *app.conf.include), None)
    for discover in app.stash.get(DISCOVERIES, []):
        discover()


def import_related(packages: Iterable[str], related: str | None) -> None:
    """Import ``<package>.<related>`` of each, or the packages themselves when `related` is None.

    A package without that module is passed over; an error inside a module is not.
    """
    for package in packages:
        module = import_module(package)
        if related is not None and hasattr(module, "__path__") and find_spec(f"{package}.{related}") is not None:
            import_module(f"{package}.{related}")
