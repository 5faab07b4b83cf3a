"""What chains, groups, chords and maps have in common: they are made of other signatures, which are keywords of theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

from kernelq import KernelQ

from .copying import checked, copied
from .lazy import Lazy
from .options import given
from .signature import Signature, revived

if TYPE_CHECKING:
    from kernelq import AsyncResult, EagerResult

R = TypeVar("R")


class Composite(Signature[R]):
    """A signature made of others."""

    TASK: ClassVar[str]
    """The name that stands for the task of such a signature."""
    PARTS: ClassVar[tuple[str, ...]]
    """Keywords that are signatures, or lists of them; the others are arguments to come, as `args` are."""
    KEYS: ClassVar[tuple[str, ...]]
    """Keywords that are no arguments to come: the parts, and what else belongs to the form."""

    @classmethod
    def build(
        cls, kwargs: Mapping[str, Any], *, app: KernelQ | None = None, options: Mapping[str, Any] | None = None
    ) -> Self:
        """One of these very parts."""
        made: Self = dict.__new__(cls)
        Signature.__init__(made, cls.TASK, (), kwargs, options, subtask_type=cls._kind(), app=app)
        return made

    @classmethod
    def _kind(cls) -> str | None:
        """The name that the class, or the nearest one above it, is registered by."""
        return _kind(cls)

    @classmethod
    def _of_plain(cls, plain: Mapping[str, Any], app: KernelQ | None) -> Self:
        made: Self = dict.__new__(cls)
        Signature.__init__(made, plain, app=app)
        made._revive(app)
        for name in cls.PARTS:
            if name in made.kwargs:
                made.kwargs[name] = revived(made.kwargs[name], app)
        return made

    def _copied_kwargs(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return {name: copied(value) if name in self.PARTS else value for name, value in kwargs.items()}

    @property
    def upcoming(self) -> dict[str, Any]:
        """Keywords for who runs first."""
        return {name: value for name, value in self.kwargs.items() if name not in self.KEYS}

    @property
    def app(self) -> KernelQ:
        """The app it is sent by: its own, or the one of the first part that has one."""
        return self.own_app(draw=True) or KernelQ.current()

    def own_app(self, *, draw: bool = False) -> KernelQ | None:
        """The app it was given, or a part was; with `draw` lazy parts are asked too."""
        if self._app is not None:
            return self._app
        for name in reversed(self.PARTS):  # the body before the header, which may be lazy
            value = self.kwargs.get(name)
            parts = (value,) if isinstance(value, Signature) else value or () if draw or type(value) is not Lazy else ()
            found = next((app for part in parts if (app := part.own_app(draw=draw)) is not None), None)
            if found is not None:
                return found
        return None

    # --- plain data

    def __json__(self) -> dict[str, Any]:
        return {**super().__json__(), "kwargs": _plain(self.kwargs)}

    def items(self) -> Any:
        # `json.dumps` reads a dict by this, and would take what is lazy for an unknown type.
        return {**self, "kwargs": _plain(self.kwargs)}.items()

    # --- calling

    def apply_async(
        self, args: Any = None, kwargs: Any = None, route_name: str | None = None, **options: Any
    ) -> AsyncResult[R]:
        """Start it, completed by `args`, `kwargs` and options (those that are None count as not given).

        Returns the result of what comes last. `route_name` is accepted and means nothing.
        """
        from .starting import start

        return cast("AsyncResult[R]", start(self, args, kwargs, given(options)))

    def apply(self, args: Any = None, kwargs: Any = None, **options: Any) -> EagerResult[R]:
        """Run all of it here and now, one after the other; see `Task.apply` for the options."""
        from .running_here import run_here

        return cast("EagerResult[R]", run_here(self, args, kwargs, given(options)))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Start it, completed by these arguments."""
        return self.apply_async(args, kwargs)

    def freeze(
        self,
        _id: str | None = None,
        group_id: str | None = None,
        chord: Any = None,
        root_id: str | None = None,
        parent_id: str | None = None,
        group_index: int | None = None,
    ) -> Any:
        """Give everything in it the id it will run under, once, and return the result to come.

        It takes its canonical form by that; what is lazy is drawn. An empty chain has no result: None.
        """
        from .composing import canonical
        from .freezing import freeze

        form = canonical(self)
        if form is None:
            return None
        result = freeze(form, _id, group_id, chord, root_id, parent_id, group_index)
        self._become(form)
        return result

    def _become(self, form: Signature[Any]) -> None:
        """Take a canonical form, which may be one of another type."""
        raise NotImplementedError

    def _take(self, kwargs: dict[str, Any], options: dict[str, Any] | None = None) -> None:
        self.update(args=(), kwargs=kwargs, options=options or {})

    def __repr__(self) -> str:
        from .text import text_of

        return text_of(self)


@cache
def _kind(cls: type) -> str | None:
    names = {home: name for name, home in Signature.TYPES.items()}
    return next((names[home] for home in cls.__mro__ if home in names), None)


def signatures(tasks: Iterable[Any], app: KernelQ | None = None) -> Any:
    """The signatures that these are, or are the plain form of: a tuple of a tuple, lazy of an iterator, else a list.

    One that is there twice becomes two, for each is a call of its own.

    Raises:
        TypeError: they are no signatures; of an iterator, when it is drawn.
    """
    if isinstance(tasks, Lazy):
        return tasks
    if isinstance(tasks, str) or not isinstance(tasks, Iterable):
        raise TypeError(f"expected signatures, as task.s() makes them, or a list or generator of them, got {tasks!r}")
    if isinstance(tasks, Iterator):
        return Lazy(made(task, app) for task in tasks)
    found: list[Signature[Any]] = []
    seen: set[int] = set()
    for task in tasks:
        sig = made(task, app)
        found.append(sig.clone() if id(sig) in seen else sig)
        seen.add(id(sig))
    return tuple(found) if isinstance(tasks, tuple) else found


def made(task: Any, app: KernelQ | None = None) -> Signature[Any]:
    """The signature that `task` is, or is the plain form of.

    Raises:
        TypeError: it is neither.
    """
    return task if isinstance(task, Signature) else Signature.from_dict(checked(task), app=app)


def _plain(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, Lazy | tuple) else value for name, value in kwargs.items()}
