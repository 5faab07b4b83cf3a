"""The signature: one call as a value, a dict that travels as plain data."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, MutableSequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

from kernelq import KernelQ
from kernelq.errors import InvalidTaskError

from .composable import Composable
from .copying import checked, copied
from .ids import new_id
from .items import Item, OptionItem
from .options import given, with_stamps
from .options import listed as listed

if TYPE_CHECKING:
    from kernelq import AsyncResult, EagerResult, Task

R = TypeVar("R")
S = TypeVar("S", bound="type[Signature[Any]]")
V = TypeVar("V")

LINKS = ("link", "link_error")
"""The options that are signatures, or lists of them."""

_ONCE_SET = frozenset({"group_id", "stamped_headers"})
"""Options that a signature keeps against those of a call."""


class Signature(Composable[R]):
    """A call that was not made yet: a task's name, arguments and options.

    A dict with the items `task`, `args` (tuple), `kwargs`, `options`, `subtask_type` (the name of a registered type that is
    more than one call, None for one) and `immutable`. Calls complete it: their arguments come before its
    own, their keywords and options win. An immutable one takes no arguments of the caller, only options.
    `app` None stands for the current app at the time of use.
    """

    TYPES: ClassVar[dict[str, type[Signature[Any]]]] = {}
    """The registered types, by the name that is their `subtask_type`."""
    OF_TASK: ClassVar[dict[str, type[Signature[Any]]]] = {}
    """Types of signatures without a `subtask_type`, by the name of their task."""

    task = Item[str]("task")
    name = Item[str]("task")
    args = Item[tuple[Any, ...]]("args")
    kwargs = Item[dict[str, Any]]("kwargs")
    options = Item[dict[str, Any]]("options")
    subtask_type = Item["str | None"]("subtask_type")
    immutable = Item[bool]("immutable")
    id = OptionItem("task_id")
    parent_id = OptionItem("parent_id")
    root_id = OptionItem("root_id")

    def __init__(
        self,
        task: str | Task[..., R] | Mapping[str, Any],
        args: Any = None,
        kwargs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        subtask_type: str | None = None,
        immutable: bool = False,
        app: KernelQ | None = None,
        **more: Any,
    ) -> None:
        self._app = app
        if isinstance(task, Mapping):
            super().__init__(task)
            args, kwargs, options = self.get("args"), self.get("kwargs"), self.get("options")
            subtask_type, immutable = self.get("subtask_type"), self.get("immutable") or False
            task = self.get("task") or ""
        name = task if isinstance(task, str) else getattr(task, "name", "")
        if not name or not isinstance(args, list | tuple | None):
            raise TypeError(f"expected a task or its name, and a list or tuple of arguments, got {task!r} and {args!r}")
        self.update(
            task=name, args=tuple(args or ()), kwargs=dict(kwargs or {}), options={**(options or {}), **more},
            subtask_type=subtask_type, immutable=immutable,
        )  # fmt: skip

    # --- from and to plain data

    @classmethod
    def register_type(cls, name: str | None = None) -> Callable[[S], S]:
        """A class decorator: signatures whose `subtask_type` is `name` (default: the class's) are made of that class."""

        def register(subclass: S) -> S:
            Signature.TYPES[name or subclass.__name__] = subclass
            return subclass

        return register

    @classmethod
    def of_task(cls, *names: str) -> Callable[[S], S]:
        """A class decorator: signatures of the tasks of these names are made of that class."""

        def register(subclass: S) -> S:
            Signature.OF_TASK.update(dict.fromkeys(names, subclass))
            return subclass

        return register

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], app: KernelQ | None = None) -> Signature[Any]:
        """The signature whose plain form this is, of the class registered for its `subtask_type`.

        Raises:
            InvalidTaskError: nobody registered that type.
        """
        if "chain" not in Signature.TYPES:
            from . import making  # noqa: F401  (which brings the types of this plugin)
        kind = plain.get("subtask_type")
        home = Signature.TYPES.get(kind) if kind else Signature.OF_TASK.get(plain.get("task", ""), Signature)
        if home is None:
            known = ", ".join(sorted(Signature.TYPES)) or "none"
            raise InvalidTaskError(
                f"a signature of the unknown type {kind!r} (known: {known}); is the module imported here that registers it?"
            )
        if home is not cls:
            return home.from_dict(plain, app=app)
        return cls._of_plain(plain, app)

    @classmethod
    def _of_plain(cls, plain: Mapping[str, Any], app: KernelQ | None) -> Self:
        made = cls(plain, app=app)
        made._revive(app)
        return made

    def _revive(self, app: KernelQ | None) -> None:
        """Make signatures of the links' plain forms."""
        options = self["options"]
        for option in LINKS if options else ():
            if options.get(option):
                options[option] = revived(options[option], app)

    def __json__(self) -> dict[str, Any]:
        # A list, for the serializers give tuples a tag, which a Celery peer would not read.
        return {**self, "args": list(self.args)}

    def __reduce__(self) -> tuple[Any, ...]:
        return (Signature.from_dict, (self.__json__(),))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.clone()

    # --- changing it

    def clone(self, args: Any = None, kwargs: Mapping[str, Any] | None = None, **options: Any) -> Self:
        """A copy, completed like a call; what is done to it, its links included, leaves this one alone."""
        args, kwargs, options = self._merge(args, kwargs, options)
        plain = {**self, "args": tuple(args), "kwargs": self._copied_kwargs(kwargs), "options": copied(options)}
        if type(self) is Signature and self["task"] not in Signature.OF_TASK:
            # Nearly all are single calls, and all of it is known to be right.
            made = dict.__new__(Signature)
            made.update(plain)
            made._app = self._app
            made._revive(self._app)
            return cast(Self, made)
        return cast(Self, type(self).from_dict(plain, app=self._app))

    partial = clone

    def _copied_kwargs(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return dict(kwargs)

    def replace(self, args: Any = None, kwargs: Any = None, options: Any = None) -> Self:
        """A copy with other arguments, keywords or options in the place of its own."""
        copy = self.clone()
        if args is not None:
            copy.args = tuple(args)
        if kwargs is not None:
            copy.kwargs = dict(kwargs)
        if options is not None:
            copy.options = dict(options)
        return copy

    def set(self, immutable: bool | None = None, **options: Any) -> Self:
        """Set options, in place; returns this very signature."""
        if immutable is not None:
            self.set_immutable(immutable)
        self.options.update(options)
        return self

    def set_immutable(self, immutable: bool) -> None:
        """Whether the arguments of a call are left out."""
        self.immutable = immutable

    def freeze(
        self,
        _id: str | None = None,
        group_id: str | None = None,
        chord: Any = None,
        root_id: str | None = None,
        parent_id: str | None = None,
        group_index: int | None = None,
    ) -> AsyncResult[R]:
        """Give it the id it will run under, once, and return the result to come; it must not be sent twice then."""
        options = self.options
        options.setdefault("task_id", _id or new_id())
        if group_id is not None:
            options.setdefault("group_id", group_id)
        given = {"root_id": root_id, "parent_id": parent_id, "chord": chord, "group_index": group_index}
        options.update({name: value for name, value in given.items() if value is not None})
        return self.AsyncResult(options["task_id"])

    def link(self, callback: V) -> V:
        """Call `callback`, a signature, with the value once the task has returned; returns it. One given twice is called once."""
        return self.append_to_list_option("link", checked(callback))

    def link_error(self, errback: V) -> V:
        """Call `errback`, a signature, once the task has failed for good; returns it."""
        return self.append_to_list_option("link_error", checked(errback))

    def on_error(self, errback: Any) -> Self:
        """As `link_error`; returns this signature."""
        self.link_error(errback)
        return self

    def append_to_list_option(self, name: str, value: V) -> V:
        """Append to an option that is a list, unless the value is in it; returns the value."""
        items = self._list_option(name)
        if value not in items:
            items.append(value)
        return value

    def extend_list_option(self, name: str, values: Any) -> None:
        """Append all of these to an option that is a list."""
        self._list_option(name).extend(listed(values))

    def flatten_links(self) -> list[Signature[Any]]:
        """This signature, then those it links, those they link, and so on."""
        links: list[Signature[Any]] = listed(revived(self.options.get("link"), self._app))
        return [self, *itertools.chain.from_iterable(link.flatten_links() for link in links)]

    # --- calling

    def delay(self, *args: Any, **kwargs: Any) -> AsyncResult[R]:
        """Send it: `apply_async` without options."""
        return self.apply_async(args, kwargs)

    def apply_async(
        self, args: Any = None, kwargs: Any = None, route_name: str | None = None, **options: Any
    ) -> AsyncResult[R]:
        """Send it, completed by `args`, `kwargs` and options (those that are None count as not given).

        A task that is not registered here is called by its name. `route_name` is accepted and means nothing.
        """
        args, kwargs, options = self._merge(args, kwargs, given(options))
        options = with_stamps(options)
        task = self._task
        if task is None:
            return self.app.send_task(self.task, args, kwargs, **options)
        return task.apply_async(args, kwargs, **options)

    def apply(self, args: Any = None, kwargs: Any = None, **options: Any) -> EagerResult[R]:
        """Run it here and now as a worker would, see `Task.apply`."""
        args, kwargs, options = self._merge(args, kwargs, given(options))
        return cast("EagerResult[R]", cast(Any, self.type).apply(args, kwargs, **with_stamps(options)))

    def election(self) -> AsyncResult[R]:
        """Send it so that one worker runs it, however many call for that: those that share its id become one message."""
        return self.apply_async(task_id=self.id or new_id())

    def __call__(self, *args: Any, **kwargs: Any) -> R:
        """Call the task's function here, in this process, without a message."""
        args, kwargs, _ = self._merge(args, kwargs, None)
        return self.type(*args, **kwargs)

    def __invert__(self) -> R:
        return self.apply_async().get()

    # --- what it stands for

    @property
    def app(self) -> KernelQ:
        """The app it is sent by."""
        return self._app or KernelQ.current()

    def own_app(self, *, draw: bool = False) -> KernelQ | None:
        """The app it was given; None stands for the current one."""
        return self._app

    @property
    def type(self) -> Task[..., R]:
        """The task; raises `NotRegistered` when there is none of that name here."""
        return self.app.tasks[self.task]

    @property
    def _task(self) -> Task[..., R] | None:
        return self.app.tasks.get(self.task)

    @property
    def AsyncResult(self) -> Callable[[str], AsyncResult[R]]:
        """What makes a result of an id."""
        task = self._task
        made: Any = self.app.AsyncResult if task is None else task.AsyncResult
        return cast("Callable[[str], AsyncResult[R]]", made)

    def reprcall(self, *args: Any, **kwargs: Any) -> str:
        """The call as text, completed by these arguments."""
        args, kwargs, _ = self._merge(args, kwargs, None)
        parts = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
        return f"{self.task}({', '.join(parts)})"

    def __repr__(self) -> str:
        return self.reprcall()

    def _merge(
        self, args: Any, kwargs: Any, options: Mapping[str, Any] | None
    ) -> tuple[tuple[Any, ...], dict[str, Any], dict[str, Any]]:
        """Arguments, keywords and options of a call completed by these."""
        own_args, own_kwargs, own = self["args"], self["kwargs"], self["options"]
        merged = dict(own)
        if options:
            kept = {*_ONCE_SET, *(own.get("stamped_headers") or ())} & own.keys()
            merged |= {name: value for name, value in options.items() if name not in kept}
            if "stamped_headers" in kept and options.get("stamped_headers"):
                further = [name for name in options["stamped_headers"] if name in options]
                merged["stamped_headers"] = list(dict.fromkeys((*own["stamped_headers"], *further)))
        if self["immutable"]:
            return own_args, own_kwargs, merged
        if args and type(args) not in (tuple, list) and (isinstance(args, str) or not isinstance(args, Iterable)):
            raise TypeError(f"expected a list or tuple of arguments for {self['task']}, got {args!r}")
        return (*(args or ()), *own_args), {**own_kwargs, **(kwargs or {})}, merged

    def _list_option(self, name: str) -> MutableSequence[Any]:
        items = self.options.get(name)
        if not isinstance(items, MutableSequence):
            items = self.options[name] = listed(items)
        return items


def revived(links: Any, app: KernelQ | None) -> Any:
    """Signatures of the plain forms among `links`, which stay a list, a tuple or a single one as they were."""
    if isinstance(links, list | tuple):
        return type(links)(revived(link, app) for link in links)
    return Signature.from_dict(links, app=app) if type(links) is dict else links
