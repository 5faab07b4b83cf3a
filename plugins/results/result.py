"""The caller's handle on a task: its state, its value, and waiting for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any, Generic, NoReturn, TypeVar
from weakref import ref

from kernelq.contracts import PROPAGATE_STATES, BackendUnavailable, Outcome
from kernelq.errors import TimeoutError

from .handle import Handle
from .joining import assert_will_not_block
from .promise import Promise
from .revoking import revoke
from .waiter import waiter_of
from .waiting import drain, forget, look

R = TypeVar("R")


class AsyncResult(Handle, Generic[R]):
    """What is known of one task, by its id. Equal to another with the same id, and to the id itself.

    Every look asks the backend until the task has ended; then the outcome is kept here. From any thread.
    """

    TimeoutError = TimeoutError
    supports_native_join = True

    # --- waiting

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float | None = None,
        no_ack: bool = True,
        follow_parents: bool = True,
        callback: Callable[[str, Any], Any] | None = None,
        on_message: Callable[[dict[str, Any]], Any] | None = None,
        on_interval: Callable[[], Any] | None = None,
        disable_sync_subtasks: bool = True,
    ) -> R:
        """Wait for the task and return its value; raise its exception unless `propagate` is off.

        `timeout` is in seconds. With `follow_parents` the exception of a parent that failed is raised in its place, also
        while the task itself is still waiting: parents are looked at now and then. `callback` is called with the id and the
        value, `on_message` with each state seen on the way, as a dict, `on_interval` every `interval` seconds; waiting for the task
        itself does not poll. `no_ack` is accepted for old code and means nothing. Inside a task it is an error, because
        it can block every worker, unless `disable_sync_subtasks` is off.

        Raises:
            TimeoutError: it took longer; the task goes on.
            NoBackend: no result backend is configured.
        """
        if disable_sync_subtasks:
            assert_will_not_block()
        if self.ignored:
            return None  # type: ignore[return-value]  # the caller knew that there would be no result
        above = self._above() if propagate and follow_parents else []
        if self.final is None:
            hear = None if on_message is None else self._only_mine(on_message)
            # Whoever fails fails those after it too, so there is no need to watch them all: of a chord they may be very many.
            drained = drain(
                [self], timeout=timeout, about=self, interval=interval, on_message=hear, on_interval=on_interval, beside=above
            )  # fmt: skip
            with closing(drained):
                next(each for each in drained if each is self or self._is_failure(each))
        return self._end(propagate, above, callback)

    wait = get

    async def aget(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        *,
        follow_parents: bool = True,
        callback: Callable[[str, Any], Any] | None = None,
        disable_sync_subtasks: bool = True,
    ) -> R:
        """`get` for coroutines: the loop goes on meanwhile, and one thread of the process waits for all who await.

        Cancelling it ends the waiting; the task goes on.
        """
        if disable_sync_subtasks:
            assert_will_not_block()
        if self.ignored:
            return None  # type: ignore[return-value]  # the caller knew that there would be no result
        from .awaiting import looked, settled  # who comes here has loaded asyncio; who only publishes need not

        above = self._above() if propagate and follow_parents else []
        if self.final is None:
            await settled([self], timeout, lambda each: True, self, above)
        if self._is_failure(self):
            await looked(above)
        return self._end(propagate, above, callback)

    def then(
        self,
        callback: Callable[[AsyncResult[R]], Any],
        on_error: Callable[[Exception], Any] | None = None,
        weak: bool = False,
    ) -> Promise:
        """Call `callback` with this result when the task has ended, however it did: at once if it has.

        On the thread that sees it first: one that waits for it or looks at it, else the waiter's, so it must be quick. `on_error`
        is called with what the callback raises; else that is logged. With `weak` nothing is called once nobody holds this result.
        Returns a promise of what the callback returns.
        """
        promise = self.on_ready.then(callback, on_error)
        if self.final is None and not self.ignored:
            _ = self.backend  # raises where somebody can be told that there is none
            waiter_of(self.app, self.given_backend).listen([self.id], Settling(self, weak=weak))
        return promise

    def maybe_throw(self, propagate: bool = True, callback: Callable[[str, Any], Any] | None = None) -> Any:
        """The value if it is ready; raises the task's exception unless `propagate` is off."""
        found = self.outcome
        value = self.value(found) if found is not None else None
        if propagate and found is not None and found.state in PROPAGATE_STATES:
            self.throw(value)
        if callback is not None:
            callback(self.id, value)
        return value

    maybe_reraise = maybe_throw

    def throw(self, error: Any) -> NoReturn:
        """Raise an error as the task's."""
        raise error

    # --- doing

    def forget(self) -> None:
        """Drop the stored result, and those of the parents."""
        forget([self])

    def revoke(
        self,
        connection: Any = None,
        terminate: bool = False,
        signal: str | None = None,
        wait: bool = False,
        timeout: float | None = None,
    ) -> Any:
        """Keep the task from being run, see `app.control.revoke`."""
        return revoke(self.app, "revoke", self.id, terminate=terminate, signal=signal, reply=wait, timeout=timeout)

    def revoke_by_stamped_headers(
        self,
        headers: dict[str, Any],
        connection: Any = None,
        terminate: bool = False,
        signal: str | None = None,
        wait: bool = False,
        timeout: float | None = None,
    ) -> Any:
        """Keep tasks that bear these stamps from being run, see `app.control`."""
        return revoke(
            self.app,
            "revoke_by_stamped_headers",
            headers,
            terminate=terminate,
            signal=signal,
            reply=wait,
            timeout=timeout,
        )

    def _above(self) -> list[AsyncResult[Any]]:
        """The tasks before this one, the first of them first."""
        return [leaf for node in reversed(list(self.ancestors())) for leaf in node.leaves()]

    def _end(self, propagate: bool, above: list[AsyncResult[Any]], callback: Callable[[str, Any], Any] | None) -> R:
        found = self.final
        if found is None or found.state in PROPAGATE_STATES:
            # A task that never ran fails with its parent; the parent's error says more.
            if found is not None:
                look(above)
            for each in above:
                if self._is_failure(each):
                    each.maybe_throw()
        assert found is not None
        value = self.value(found)
        if propagate and found.state in PROPAGATE_STATES:
            self.throw(value)
        if callback is not None:
            callback(self.id, value)
        return value  # type: ignore[no-any-return]  # what the backend holds is not typed

    @staticmethod
    def _is_failure(result: AsyncResult[Any]) -> bool:
        return result.final is not None and result.final.state in PROPAGATE_STATES

    def _only_mine(self, on_message: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
        return lambda meta: on_message(meta) if meta["task_id"] == self.id else None

    def __reduce__(self) -> tuple[Any, ...]:
        state = {"ignored": True} if self.ignored else None
        return (AsyncResult, (self.id, None, self.task_name, None, self.parent), state)


class Settling:
    """Tells a result of its outcome; a listener of the waiter."""

    def __init__(self, result: AsyncResult[Any], *, weak: bool) -> None:
        self._find: Callable[[], AsyncResult[Any] | None] = ref(result) if weak else lambda: result

    def __call__(self, news: Outcome | Exception) -> bool:
        result = self._find()
        if isinstance(news, Exception):
            # Nobody is there to be told; a backend that is away comes back.
            return result is not None and isinstance(news, BackendUnavailable)
        if result is not None:
            result.settle(news)
        return False
