"""What this plugin adds to the app."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kernelq import Task
from kernelq.contracts import StashKey, frames

from . import moments
from .pickled import made_by_app, reduce_app

if TYPE_CHECKING:
    import click
    from kernelq import Worker
    from kernelq.signals import Signal

    from .connection import Connection

OPTIONS: StashKey[dict[str, set[click.Option]]] = StashKey()


class AppMethods:
    """Attributes of every app, found by the entry points ``KernelQ.<name>``."""

    # --- signals of this app

    @property
    def on_configure(self: Any) -> Signal:
        """Sent once, when the settings were read, before other plugins look at them; or a method to override."""
        return moments.signal_of(self, "on_configure")

    @property
    def on_after_configure(self: Any) -> Signal:
        """Sent once, when the settings stand, with `source`."""
        return moments.signal_of(self, "on_after_configure")

    @property
    def on_after_finalize(self: Any) -> Signal:
        """Sent once, when every task is bound."""
        return moments.signal_of(self, "on_after_finalize")

    @property
    def on_after_fork(self: Any) -> Signal:
        """Sent in every child forked from now on, first thing."""
        return moments.signal_of(self, "on_after_fork")

    # --- what runs, and where

    @property
    def current_task(self: Any) -> Task[..., Any] | None:
        """The innermost task that runs in this thread or coroutine, called directly or by a worker."""
        frame = frames.get()
        return None if frame is None else frame.task

    @property
    def current_worker_task(self: Any) -> Task[..., Any] | None:
        """The task that a worker runs in this thread or coroutine, whatever tasks it has called itself."""
        frame = frames.get()
        while frame is not None and (frame.request.called_directly or frame.request.is_eager):
            frame = frame.parent
        return None if frame is None else frame.task

    @property
    def oid(self: Any) -> str:
        """An id of this app in this process; a forked child has another."""
        from . import identity

        return identity.of_process(self)

    @property
    def thread_oid(self: Any) -> str:
        """An id of this app in this thread of this process."""
        from . import identity

        return identity.of_thread(self)

    # --- the broker

    def connection(self: Any, url: str | None = None, *, connect_timeout: float | None = None) -> Connection:
        """A connection to the broker, or to the one behind `url`; opened by its `connect` or `ensure_connection`."""
        from .connection import Connection

        return Connection(self, url, connect_timeout=connect_timeout)

    connection_for_read = connection
    connection_for_write = connection
    broker_connection = connection

    @contextmanager
    def connection_or_acquire(
        self: Any, connection: Connection | None = None, pool: bool = True
    ) -> Iterator[Connection]:
        """A block with `connection`, else with one that is closed at its end."""
        if connection is not None:
            yield connection
            return
        with self.connection() as own:
            yield own

    default_connection = connection_or_acquire

    # --- for code that builds upon the app

    def WorkController(self: Any, **options: Any) -> Worker:
        """A worker of this app, under the name Celery's has; see `kernelq.Worker`."""
        worker: Worker = self.Worker(**options)
        return worker

    def create_task_cls(self: Any) -> type[Task[..., Any]]:
        """A base class of tasks that belongs to this app."""
        made: type[Task[..., Any]] = self.subclass_with_self(self.Task, name="Task")
        return made

    def subclass_with_self(
        self: Any,
        cls: type,
        name: str | None = None,
        attribute: str = "app",
        reverse: str | None = None,
        keep_reduce: bool = False,
        **attributes: Any,
    ) -> type[Any]:
        """A subclass of `cls` that knows this app by `attribute`, with further class attributes.

        With `reverse`, the name such classes have on apps, its instances are pickled as their `__reduce_args__` and made
        again by the current app's class of that name, unless `keep_reduce` is set.
        """
        about: dict[str, Any] = {"__module__": cls.__module__, "__doc__": cls.__doc__, attribute: self, **attributes}
        if reverse is not None and not keep_reduce:
            about["__reduce__"] = lambda made: (made_by_app, (reverse, made.__reduce_args__()))
        return type(name or cls.__name__, (cls,), about)

    def reduced(self: Any) -> tuple[Any, ...]:
        """What pickle keeps of the app: its class, name and settings."""
        return reduce_app(self)

    @property
    def user_options(self: Any) -> dict[str, set[click.Option]]:
        """Options the app adds, by command; those under ``preload`` are for every command.

        Their values come by the signal `user_preload_options`. Add before the command line runs:
        ``app.user_options["preload"].add(click.Option(["--template"]))``.
        """
        options: dict[str, set[click.Option]] = self.stash.setdefault(OPTIONS, defaultdict(set))
        return options
