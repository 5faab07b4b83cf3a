"""What this plugin adds to the app and to tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from kernelq import Context

from .adding import add
from .making import signature
from .maps import chunks, xmap, xstarmap
from .replacing import go_on, stand_in
from .signature import Signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

P = ParamSpec("P")
R = TypeVar("R")


class AppMethods:
    """Attributes of every app, found by the entry points ``KernelQ.<name>``."""

    def signature(self: Any, *args: Any, **options: Any) -> Signature[Any]:
        """`kernelq.signature` for this app."""
        return signature(*args, **{"app": self, **options})


class TaskMethods(Generic[P, R]):
    """Attributes of every task, found by the entry points ``Task.<name>``."""

    def signature(
        self: Any, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> Signature[R]:
        """A call of this task with these arguments and options, not made yet; `immutable` takes no further arguments."""
        return Signature(self, args, kwargs, **{"app": self.app, **options})

    subtask = signature

    def s(self: Any, *args: Any, **kwargs: Any) -> Signature[R]:
        """A call of this task with these arguments, not made yet; the caller may give further ones."""
        return Signature(self, args, kwargs, app=self.app)

    def si(self: Any, *args: Any, **kwargs: Any) -> Signature[R]:
        """A call of this task with just these arguments, not made yet."""
        return Signature(self, args, kwargs, app=self.app, immutable=True)

    def map(self: Any, it: Iterable[Any]) -> xmap[R]:
        """``[task(x) for x in it]`` as one call, not made yet."""
        return xmap(self.s(), it, app=self.app)

    def starmap(self: Any, it: Iterable[Any]) -> xstarmap[R]:
        """``[task(*x) for x in it]`` as one call, not made yet."""
        return xstarmap(self.s(), it, app=self.app)

    def chunks(self: Any, it: Iterable[Any], n: int) -> chunks[R]:
        """``[task(*x) for x in it]`` as calls of `n` items each, not made yet."""
        return chunks(self.s(), it, n, app=self.app)

    def signature_from_request(
        self: Any,
        request: Context | None = None,
        args: Any = None,
        kwargs: Any = None,
        queue: str | None = None,
        **options: Any,
    ) -> Signature[R]:
        """The call that is running, as a signature: same id, arguments, links and options, unless they are given here."""
        request = self.request if request is None else request
        own: dict[str, Any] = {name: request.get(source) for name, source in _OPTIONS.items()}
        if request.expires is not None:
            own["expires"] = request.expires
        given = {"queue": queue or request.get("queue"), **options}
        return Signature(
            self,
            request.args if args is None else args,
            request.kwargs if kwargs is None else kwargs,
            {name: value for name, value in {**own, **given}.items() if value not in (None, {}, (), "")},
            app=self.app,
        )

    def replace(self: Any, sig: Signature[Any]) -> Any:
        """Let `sig` run in this task's place: under its id, with its callbacks, its group and its root. Of a group that is the list.

        Ends this run, as if by `Ignore`: who waits for this task gets what `sig` returns. The replacement travels with the
        end of this run, so that neither exists without the other. In eager mode `sig` runs at once and its value is
        returned, so write ``return self.replace(…)``; ``raise`` is understood too, but not in eager mode.

        Raises:
            ImproperlyConfigured: `sig` belongs to a chord, or is an empty chain.
            TypeError: it is no signature.
        """
        return self.on_replace(stand_in(self, sig))

    def on_replace(self: Any, sig: Signature[Any]) -> Any:
        """What `replace` does with the finished `sig`; who overrides it returns what this returns."""
        return go_on(self, sig)

    def add_to_chord(self: Any, sig: Signature[Any], lazy: bool = False) -> None:
        """Add `sig` to the header of the chord that this task is in: its value comes after this task's own.

        It starts with the end of this run, whatever `lazy` says, so that neither exists without the other.

        Raises:
            ValueError: it is in none.
        """
        request = self.request
        if not request.chord:
            raise ValueError(f"task {self.name} is not in the header of a chord, so nothing can be added to one")
        add(self, request, sig)

    def send_event(self: Any, type_: str, retry: bool = True, retry_policy: Any = None, **fields: Any) -> Any:
        """Tell the monitors of something in this run; nothing happens while no plugin brings `app.events`."""
        events = getattr(self.app, "events", None)
        if events is None:
            return None
        request = self.request
        with events.default_dispatcher(hostname=request.hostname) as dispatcher:
            return dispatcher.send(type_, uuid=request.id, retry=retry, retry_policy=retry_policy, **fields)


_OPTIONS: Mapping[str, str] = {
    "task_id": "id", "root_id": "root_id", "parent_id": "parent_id", "group_id": "group", "group_index": "group_index",
    "shadow": "shadow", "chord": "chord", "chain": "chain", "link": "callbacks", "link_error": "errbacks",
    "time_limit": "time_limit", "soft_time_limit": "soft_time_limit", "headers": "headers", "retries": "retries",
    "reply_to": "reply_to", "replaced": "replaced_task_nesting", "priority": "priority", "stamps": "stamps",
    "stamped_headers": "stamped_headers", "ignore_result": "ignore_result",
}  # fmt: skip
"""Option of a call → what it is called in a request."""
