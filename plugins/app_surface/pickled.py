"""Apps as bytes, for processes that are spawned: name, classes and settings travel, tasks and connections do not."""

from __future__ import annotations

import copyreg
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from kernelq import KernelQ

LEFT = ("default",)
"""Origins of settings that the other side has by itself; and its own environment stands over all that travels."""


def register() -> None:
    """Teach pickle and copy to take apps."""
    copyreg.pickle(KernelQ, reduce_app)


def reduce_app(app: KernelQ) -> tuple[Any, ...]:
    """What pickle keeps of an app."""
    settings = {name: value for name, (value, origin) in app.conf.table().items() if origin not in LEFT}
    task_cls = None if app.Task is type(app).task_cls else app.Task
    return rebuild_app, (type(app), app.main, task_cls, app.strict_typing, settings)


def rebuild_app(
    cls: type[KernelQ], main: str | None, task_cls: Any, strict_typing: bool, settings: Mapping[str, Any]
) -> KernelQ:
    """The app of `reduce_app`, not made the current one."""
    return cls(main, task_cls=task_cls, strict_typing=strict_typing, set_as_current=False, **settings)


def made_by_app(name: str, arguments: tuple[Any, ...]) -> Any:
    """An instance of the current app's class of this name; see `KernelQ.subclass_with_self`."""
    return attrgetter(name)(KernelQ.current())(*arguments)
