"""`QueueOnce`: the base class of tasks that are queued once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, ParamSpec, TypeVar

from kernelq import Task, uuid

from .celery_form import default_timeout
from .claiming import claim
from .contract import Claim, LockStore, Release
from .errors import AlreadyQueued
from .key import as_read, key_of
from .mark import said_in, saying
from .rule import of_call, rule_of
from .store import eager_store, lock_store

if TYPE_CHECKING:
    from kernelq import AsyncResult, Signature

P = ParamSpec("P")
R = TypeVar("R")


class QueueOnce(Task[P, R], Generic[P, R]):
    """A task of which the same work is queued once: a second call is refused while the first waits or runs.

    What counts as the same, and what becomes of the second call, says `once`; see the manual of the plugin
    (`kernelq_plugins.once_lock`).
    """

    abstract: ClassVar[bool] = True
    once: Mapping[str, Any] = {"graceful": False, "unlock_before_run": False}

    def apply_async(
        self, args: Any = None, kwargs: Any = None, task_id: str | None = None, *, once: Any = None, **options: Any
    ) -> AsyncResult[R]:
        """`Task.apply_async`, once; ``once={"graceful": …, "timeout": …}`` is for this call.

        Raises:
            AlreadyQueued: the same work waits or runs; not with `graceful`, which gives an `EagerResult` in the state REJECTED.
        """
        said = {**said_in(options.get("headers")), **of_call(once, self.name)}
        try:
            if self.app.conf.task_always_eager:
                return self._run_here(args, kwargs, task_id, said, options)
            return super().apply_async(args, kwargs, task_id, **self._with_mark(said, options))
        except AlreadyQueued:
            if not rule_of(self, said).graceful:
                raise
            return self._rejected()

    async def aapply_async(
        self, args: Any = None, kwargs: Any = None, task_id: str | None = None, *, once: Any = None, **options: Any
    ) -> AsyncResult[R]:
        """`apply_async` without blocking the event loop."""
        said = {**said_in(options.get("headers")), **of_call(once, self.name)}
        try:
            return await super().aapply_async(args, kwargs, task_id, **self._with_mark(said, options))
        except AlreadyQueued:
            if not rule_of(self, said).graceful:
                raise
            return self._rejected()

    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """`delay` without blocking the event loop."""
        return await self.aapply_async(args, kwargs)

    def signature(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> Signature[R]:
        """`Task.signature`; ``once={"graceful": …, "timeout": …}`` is an option of it too, and of its `set`."""
        from .signature import OnceSignature

        return OnceSignature(self, args, kwargs, **{"app": self.app, **options})

    subtask = signature

    def s(self, *args: Any, **kwargs: Any) -> Signature[R]:
        """A call of this task with these arguments, not made yet; the caller may give further ones."""
        return self.signature(args, kwargs)

    def si(self, *args: Any, **kwargs: Any) -> Signature[R]:
        """A call of this task with just these arguments, not made yet."""
        return self.signature(args, kwargs, immutable=True)

    def get_key(self, args: Any = None, kwargs: Any = None) -> str:
        """The key of a call with these arguments."""
        read, named = as_read(self, args or (), kwargs or {})
        return key_of(self, read, named, rule_of(self).keys)

    @property
    def default_timeout(self) -> float:
        """Seconds; what `ONCE` says, else an hour."""
        return default_timeout(self.app)

    @property
    def once_backend(self) -> LockStore:
        """The store of claims."""
        return lock_store(self.app)

    def unlock_before_run(self) -> bool:
        """Whether the key is free as soon as the task begins to run."""
        return rule_of(self).unlock_before_run

    def _with_mark(self, said: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
        if options.get("session") is not None:
            said = {**said, "session": True}
        return {**options, "headers": saying(options.get("headers"), said)} if said else options

    def _run_here(
        self, args: Any, kwargs: Any, task_id: str | None, said: dict[str, Any], options: dict[str, Any]
    ) -> AsyncResult[R]:
        """As celery-once with `task_always_eager`: the key is held while the task runs."""
        rule, store = rule_of(self, said), eager_store(self.app)
        key, token = self.get_key(args, kwargs), task_id or uuid()
        ttl = rule.period if rule.policy == "throttle" else rule.timeout
        holder = claim(self.app, store, Claim(key=key, token=token, task=self.name, ttl=ttl))
        if holder is not None:
            raise AlreadyQueued(holder.remaining, holder.token, key)
        if rule.unlock_before_run:
            store.apply([Release(key, token)])
        try:
            return super().apply_async(args, kwargs, token, **options)
        finally:
            if rule.policy != "throttle":
                store.apply([Release(key, token)])

    def _rejected(self) -> AsyncResult[R]:
        from .rejected import Rejected

        return Rejected(self)


def adopt(task: Task[..., Any]) -> None:
    """Make a task that was given `once`, but not the base class, one of those."""
    if isinstance(task, QueueOnce):
        return
    kind: Any = type(task)
    about = {"__module__": kind.__module__, "__doc__": kind.__doc__, "once": getattr(task, "once", None)}
    task.__class__ = type(kind.__name__, (QueueOnce, kind), about)
    task.is_called_apart = True
