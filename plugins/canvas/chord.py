"""The chord: calls that run side by side, and one that gets the list of their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .composite import Composite, made, signatures
from .group import group
from .items import PartItem
from .signature import Signature

if TYPE_CHECKING:
    from kernelq import AsyncResult, KernelQ

R = TypeVar("R")
V = TypeVar("V")


@Signature.register_type()
class chord(Composite[R]):
    """A group, its *header*, and a *body* that is called with the list of its values, in the header's order.

    ``chord(header, body)()``, ``chord(header)(body)`` or ``group | body``. Its id and its result are the body's.
    """

    TASK = "kernelq.chord"
    PARTS = ("header", "body")
    KEYS = (*PARTS, "kwargs", "header_id")

    body = PartItem[Any]("body")

    def __init__(
        self,
        header: Iterable[Signature[Any]] | Signature[Any],
        body: Signature[R] | None = None,
        *,
        args: Any = (),
        kwargs: Mapping[str, Any] | None = None,
        app: KernelQ | None = None,
        **options: Any,
    ) -> None:
        if isinstance(header, Mapping):
            header = made(header, app)
            members: Any = header if isinstance(header, group) else [header]
        else:
            members = signatures(header, app)
        own = {
            "kwargs": dict(kwargs or {}), "header": members, "body": None if body is None else made(body, app),
        }  # fmt: skip
        Signature.__init__(self, self.TASK, args, own, options, subtask_type=self._kind(), app=app)

    @property
    def tasks(self) -> Any:
        """The members of the header."""
        header = self.kwargs["header"]
        return header.tasks if isinstance(header, group) else header

    @tasks.setter
    def tasks(self, tasks: Any) -> None:
        header = self.kwargs["header"]
        if isinstance(header, group):
            header.tasks = tasks
        else:
            self.kwargs["header"] = tasks

    @property
    def header(self) -> group[Any]:
        """The header, as a group."""
        header = self.kwargs["header"]
        return header if isinstance(header, group) else group.build({"tasks": header}, app=self._app)

    def set_immutable(self, immutable: bool) -> None:
        """Whether the header's members leave out the arguments of a call; the body gets their values all the same."""
        header = self.header
        header.set_immutable(immutable)
        self.tasks = header.tasks

    # --- links

    def link(self, callback: V) -> V:
        """Call `callback`, a signature, with the value once the body has returned; returns it."""
        return self._body.link(callback)

    def link_error(self, errback: V) -> V:
        """Call `errback`, a signature, once the body has failed, which it does when a member of the header failed; returns it.

        With the setting `task_allow_error_cb_on_chord_header` each member of the header that fails calls it too.
        """
        return self._body.link_error(errback)

    @property
    def _body(self) -> Signature[R]:
        body: Signature[R] | None = self.body
        if body is None:
            raise TypeError(f"{self!r} cannot be called or linked; give it a body: chord(header, body)")
        return body

    # --- calling

    def apply_async(
        self, args: Any = None, kwargs: Any = None, route_name: str | None = None, body: Any = None, **options: Any
    ) -> AsyncResult[R]:
        """Start the header, completed by `args` and `kwargs`; `body` takes the place of its own.

        `countdown` and `eta` are for the header, links and `task_id` for the body, other options for both.

        Raises:
            TypeError: it has no body.
        """
        kwargs = dict(kwargs or {})
        body = kwargs.pop("body", None) if body is None else body
        if body is not None:
            return self._with(body).apply_async(args, kwargs, route_name, **options)
        self._body  # noqa: B018  (raises when there is none)
        return super().apply_async(args, kwargs, route_name, **options)

    def apply(self, args: Any = None, kwargs: Any = None, body: Any = None, **options: Any) -> Any:
        """Run the header's members here and now, one after the other, then the body."""
        if body is not None:
            return self._with(body).apply(args, kwargs, **options)
        self._body  # noqa: B018  (raises when there is none)
        return super().apply(args, kwargs, **options)

    def __call__(self, body: Signature[V] | None = None, **options: Any) -> AsyncResult[V]:  # type: ignore[override]  # as delay
        """Start it, with this body if one is given."""
        return self.apply_async(body=body, **options)  # type: ignore[return-value]  # of the body given, or of its own

    def _with(self, body: Any) -> chord[Any]:
        # It shares its header with this one: who starts it makes a copy.
        own = {**self, "kwargs": {**self.kwargs, "body": made(body, self._app)}}
        whole: chord[Any] = Signature.from_dict(own, app=self._app)  # type: ignore[assignment]  # of this type
        return whole

    def __length_hint__(self) -> int:
        return sum(map(_size, self.tasks))

    def _become(self, form: Signature[Any]) -> None:
        if isinstance(form, chord):
            self._take(form.kwargs)
        else:  # its body was nothing
            self._take({**self.kwargs, "header": form})


def _size(member: Signature[Any]) -> int:
    """How many values a member of a header brings: those of groups in it stand side by side."""
    return sum(map(_size, member.tasks)) if isinstance(member, group) else 1
