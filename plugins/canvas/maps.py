"""Maps: one task over many arguments, in one message or in pieces."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from uuid import NAMESPACE_OID, uuid5

from .composite import Composite, made
from .group import group
from .ids import new_id
from .lazy import Lazy
from .signature import Signature

if TYPE_CHECKING:
    from kernelq import GroupResult, KernelQ

R = TypeVar("R")


class _Map(Composite[R]):
    """A task and what it is to be called with, item by item, one after the other. Takes no further arguments."""

    PARTS = ("task",)
    KEYS: ClassVar[tuple[str, ...]] = ("task", "it")

    def __init__(self, task: Signature[Any], it: Iterable[Any], *, app: KernelQ | None = None, **options: Any) -> None:
        self._set(task, {"it": _kept(it)}, options, app)

    def _set(self, task: Signature[Any], more: dict[str, Any], options: Any, app: KernelQ | None) -> None:
        task = made(task, app)
        Signature.__init__(
            self, self.TASK, (), {"task": task, **more}, options, immutable=True, app=app or task._app
        )  # fmt: skip

    # One call, as any other:
    apply_async = Signature.apply_async
    apply = Signature.apply
    freeze = Signature.freeze

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the task's function here, item by item."""
        return Signature.__call__(self, *args, **kwargs)

    def __repr__(self) -> str:
        star = "*" if isinstance(self, xstarmap) else ""
        return f"[{self.kwargs['task'].task}({star}x) for x in {self.kwargs['it']}]"


@Signature.of_task("kernelq.map", "celery.map")
class xmap(_Map[list[R]]):
    """``[task(x) for x in it]`` in one message."""

    TASK = "kernelq.map"


@Signature.of_task("kernelq.starmap", "celery.starmap")
class xstarmap(_Map[list[R]]):
    """``[task(*x) for x in it]`` in one message."""

    TASK = "kernelq.starmap"


@Signature.of_task("kernelq.chunks", "celery.chunks")
class chunks(_Map[list[list[R]]]):
    """``[task(*x) for x in it]`` in messages of `n` items each."""

    TASK = "kernelq.chunks"
    KEYS = ("task", "it", "n")

    def __init__(
        self, task: Signature[R], it: Iterable[Any], n: int, *, app: KernelQ | None = None, **options: Any
    ) -> None:
        if not isinstance(n, int) or n < 1:
            raise ValueError(f"expected chunks of a whole number of items, at least 1, got {n!r}")
        self._set(task, {"it": _kept(it), "n": n}, options, app)

    def group(self) -> group[list[R]]:
        """The group of maps, a list each; drawn when it is started if the items are an iterator's."""
        task, it, n = (self.kwargs[name] for name in self.KEYS)
        parts = (self._piece(task, part, index) for index, part in enumerate(_parts(it, n)))
        made: group[list[R]] = group(parts if isinstance(it, Lazy) else list(parts), app=self._app)
        made.options.update(self.options)
        return made

    def _piece(self, task: Signature[R], part: list[Any], index: int) -> xstarmap[R]:
        piece = xstarmap[R](task.clone(), part, app=self._app)
        if self.id is not None:  # the same ids whenever its group is asked for
            piece.id = str(uuid5(NAMESPACE_OID, f"{self.id}/{index}"))
        return piece

    def apply_async(  # type: ignore[override]  # many results
        self, args: Any = None, kwargs: Any = None, route_name: str | None = None, **options: Any
    ) -> GroupResult[list[R]]:
        """Start every piece."""
        return self.group().apply_async(args, kwargs, route_name, **options)

    def apply(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        """Run every piece here and now."""
        return self.group().apply(args, kwargs, **options)

    def freeze(self, _id: str | None = None, *args: Any, **kwargs: Any) -> Any:
        """Give the group of its pieces, and by that each of them, the id it will run under."""
        self.options.setdefault("task_id", _id or new_id())
        return self.group().freeze(None, *args, **kwargs)

    def __call__(self, **options: Any) -> GroupResult[list[R]]:  # type: ignore[override]  # as delay
        """Start every piece."""
        return self.apply_async(**options)

    def __repr__(self) -> str:
        return self.reprcall()


def run_map(app: KernelQ, task: Any, it: Iterable[Any]) -> list[Any]:
    """What the task of a map does."""
    function = made(task, app).type
    return [function(item) for item in it]


def run_starmap(app: KernelQ, task: Any, it: Iterable[Any]) -> list[Any]:
    """What the task of a starmap does."""
    function = made(task, app).type
    return [function(*item) for item in it]


def _kept(it: Iterable[Any]) -> Any:
    if not isinstance(it, Iterable):
        raise TypeError(f"expected the items that a task is to be called with, got {it!r}")
    return Lazy(it) if isinstance(it, Iterator) else it if isinstance(it, list | tuple | Lazy) else list(it)


def _parts(it: Iterable[Any], n: int) -> Iterator[list[Any]]:
    items = iter(it)
    while part := list(itertools.islice(items, n)):
        yield part
