"""The group: calls that run side by side."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from .composite import Composite, signatures
from .copying import checked
from .items import PartItem
from .lazy import Lazy
from .signature import Signature

if TYPE_CHECKING:
    from kernelq import GroupResult, KernelQ

R = TypeVar("R")
V = TypeVar("V")


@Signature.register_type()
class group(Composite[list[R]]):
    """Calls that run side by side: ``group(a, b)``, or of a list, an iterator or a generator, which is drawn when it is started.

    Of more than 5,000 drawn none is kept: such a group can be started once. What follows a group by ``|`` gets the list of
    its values, see `chord`. Options are those of every member.
    """

    TASK = "kernelq.group"
    PARTS = KEYS = ("tasks",)

    tasks = PartItem[Any]("tasks")

    def __init__(
        self, *tasks: Signature[R] | Iterable[Signature[R]], app: KernelQ | None = None, **options: Any
    ) -> None:
        members: Any = tasks[0] if len(tasks) == 1 else tasks
        if isinstance(members, group):
            members = members.clone().tasks
        elif isinstance(members, Mapping):
            members = [members]
        Signature.__init__(
            self, self.TASK, (), {"tasks": signatures(members, app)}, options, subtask_type=self._kind(), app=app
        )

    def skew(self, start: float = 1.0, stop: float | None = None, step: float = 1.0) -> Self:
        """Let each member wait `step` seconds longer than the one before, from `start` on, up to `stop`; in place."""
        waits = itertools.count(start, step)
        longest = math.inf if stop is None else start + (stop - start) // step * step
        delayed = (task.set(countdown=min(wait, longest)) for task, wait in zip(self.tasks, waits, strict=False))
        self.tasks = Lazy(delayed) if self.is_lazy else list(delayed)
        return self

    def set_immutable(self, immutable: bool) -> None:
        """Whether its members leave out the arguments of a call, and the value of what comes before."""
        if isinstance(self.tasks, Lazy):
            self.tasks = self.tasks.map(lambda task: task.set(immutable=immutable))
        else:
            for task in self.tasks:
                task.set_immutable(immutable)

    @property
    def is_lazy(self) -> bool:
        """Whether its members are made when they are asked for."""
        return isinstance(self.tasks, Lazy)

    # --- links

    def link(self, callback: V) -> V:
        """Call `callback`, as it is and without a value, once the first member has returned; returns it."""
        for task in self.tasks[:1]:
            task.link(as_it_is(callback))
        return callback

    def link_error(self, errback: V) -> V:
        """Call `errback` once a member has failed for good, for each that does; returns it."""
        for task in self.tasks:
            task.link_error(copy_of(errback))
        return errback

    # --- calling

    def apply_async(  # type: ignore[override]  # many results
        self, args: Any = None, kwargs: Any = None, route_name: str | None = None, **options: Any
    ) -> GroupResult[R]:
        """Start every member, completed by `args`, `kwargs` and options.

        Raises:
            TypeError: `link` or `link_error` is given, which one member would have to call for all.
        """
        for name in ("link", "link_error"):
            if options.get(name) is not None:
                raise TypeError(
                    f"cannot add the option {name} in the call of a group: its members end one by one; "
                    "use a chord (group | task), or link its members"
                )
        return super().apply_async(args, kwargs, route_name, **options)  # type: ignore[return-value]

    if TYPE_CHECKING:

        def delay(self, *args: Any, **kwargs: Any) -> GroupResult[R]: ...  # type: ignore[override]
        def apply(self, args: Any = None, kwargs: Any = None, **options: Any) -> GroupResult[R]: ...  # type: ignore[override]

    def __call__(self, *args: Any, **options: Any) -> GroupResult[R]:  # type: ignore[override]  # as delay
        """Start every member, completed by these arguments; keywords are options."""
        return self.apply_async(args, **options)

    def __len__(self) -> int:
        return len(self.tasks)

    def __bool__(self) -> bool:
        return bool(self.tasks)

    def _become(self, form: Signature[Any]) -> None:
        self._take(form.kwargs, form.options)


def as_it_is(callback: Any) -> Any:
    """A copy that takes no value."""
    return copy_of(callback).set(immutable=True)


def copy_of(callback: Any) -> Any:
    """A copy, as a signature."""
    return callback.clone() if isinstance(callback, Signature) else Signature.from_dict(checked(callback))
