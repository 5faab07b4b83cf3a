"""The chain: one call after the other, each with the value of the one before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from .composite import Composite, made, signatures
from .items import PartItem
from .signature import Signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

R = TypeVar("R")


@Signature.register_type()
class chain(Composite[R]):
    """Calls that run one after the other, each completed by the value of the one before.

    ``chain(a, b)`` is ``a | b``, so what comes of it may be a task, a group or a chord. ``chain([a])`` and ``chain()`` are
    chains of one and of none; one of none runs nothing and gives None.
    """

    TASK = "kernelq.chain"
    PARTS = KEYS = ("tasks",)

    tasks = PartItem[Any]("tasks")

    if TYPE_CHECKING:

        @overload
        def __init__(self: chain[R], first: Signature[R], /, **options: Any) -> None: ...
        @overload
        def __init__(self: chain[R], first: Signature[Any], second: Signature[R], /, **options: Any) -> None: ...
        @overload
        def __init__(
            self: chain[R], first: Signature[Any], second: Signature[Any], third: Signature[R], /, **options: Any
        ) -> None: ...
        @overload
        def __init__(self: chain[Any], /, *tasks: Any, **options: Any) -> None: ...
        def __init__(self: Any, /, *tasks: Any, **options: Any) -> None: ...

    else:

        def __new__(cls, *tasks: Any, app: Any = None, **options: Any) -> Any:
            return _composed(cls, tasks, app).set(**options)

        def __init__(self, *tasks: Any, **options: Any) -> None:
            """All is done when it is made."""

    def unchain_tasks(self) -> Sequence[Signature[Any]]:
        """Copies of its steps, with what was set for the chain where it belongs."""
        from .composing import steps_of

        return steps_of(self.clone())

    def _become(self, form: Signature[Any]) -> None:
        self._take({"tasks": form.kwargs["tasks"] if isinstance(form, chain) else [form]})


def _composed(kind: type[chain[Any]], tasks: tuple[Any, ...], app: Any) -> Signature[Any]:
    from .composing import extended

    sequence: Iterable[Any] = tasks
    if len(tasks) == 1:
        if isinstance(tasks[0], Mapping):
            return made(tasks[0], app).clone()
        sequence = signatures(tasks[0], app)
    whole: Signature[Any] = kind.build({"tasks": []}, app=app)
    for task in sequence:
        whole = extended(whole, made(task, app).clone())
    return whole
