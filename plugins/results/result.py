"""The caller's handle on a task: its state, its value, and waiting for it."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kernelq.contracts import (
    EXCEPTION_STATES,
    FAILURE,
    PENDING,
    PROPAGATE_STATES,
    READY_STATES,
    SUCCESS,
    Outcome,
    running,
)
from kernelq.errors import TimeoutError

from .rebuild import rebuild

if TYPE_CHECKING:
    from kernelq import KernelQ

R = TypeVar("R")

LONGEST_WAIT = 60.0
"""Seconds between two looks at the clock while `get` waits without a timeout."""

_joining_allowed = [False]


@contextmanager
def allow_join_result() -> Iterator[None]:
    """Let `get` be called inside a task within this block."""
    before, _joining_allowed[0] = _joining_allowed[0], True
    try:
        yield
    finally:
        _joining_allowed[0] = before


class AsyncResult(Generic[R]):
    """What is known of one task, by its id. Equal to another with the same id, and to the id itself."""

    def __init__(
        self, id: str, *, app: KernelQ | None = None, task_name: str | None = None, ignored: bool = False
    ) -> None:
        if not id:
            raise ValueError(f"expected the id of a task, got {id!r}")
        self.id = id
        self.task_id = id
        self.task_name = task_name
        self.ignored = ignored
        self._app = app
        self._final: Outcome | None = None

    @property
    def app(self) -> KernelQ:
        """The app whose backend is asked."""
        if self._app is None:
            from kernelq import KernelQ

            self._app = KernelQ.current()
        return self._app

    @property
    def outcome(self) -> Outcome | None:
        """What is stored now; None when nothing is. A final outcome is asked for once."""
        if self._final is not None:
            return self._final
        found = self.app.backend.get_many([self.id]).get(self.id)
        if found is not None and found.is_ready:
            self._final = found
        return found

    @property
    def state(self) -> str:
        """PENDING (waiting or unknown), STARTED, RETRY, SUCCESS, FAILURE, REVOKED, or one of the task's own."""
        found = self.outcome
        return found.state if found is not None else PENDING

    status = state

    @property
    def result(self) -> Any:
        """The value, the exception object, or a custom state's meta; None while there is none."""
        found = self.outcome
        return self._value(found) if found is not None else None

    info = result

    @property
    def traceback(self) -> str | None:
        """The traceback of a failed task, as text."""
        found = self.outcome
        return found.traceback if found is not None else None

    @property
    def reason(self) -> str | None:
        """Why, beyond the state: ``expired``, ``crashed``, ``timed_out``, …"""
        found = self.outcome
        return found.reason if found is not None else None

    @property
    def date_done(self) -> datetime.datetime | None:
        """When it ended, in UTC."""
        found = self.outcome
        if found is None or found.done_at is None:
            return None
        return datetime.datetime.fromtimestamp(found.done_at, datetime.UTC)

    def exists(self) -> bool:
        """Whether anything is stored; tells an unknown task from a waiting one only once it has begun."""
        return self.outcome is not None

    def ready(self) -> bool:
        """Whether the task has come to its end."""
        return self.state in READY_STATES

    def successful(self) -> bool:
        """Whether it ended with a value."""
        return self.state == SUCCESS

    def failed(self) -> bool:
        """Whether it ended with an error."""
        return self.state == FAILURE

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float | None = None,
        *,
        callback: Callable[[str, Any], Any] | None = None,
        on_message: Callable[[dict[str, Any]], Any] | None = None,
        disable_sync_subtasks: bool = True,
    ) -> R:
        """Wait for the task and return its value; raise its exception unless `propagate` is off.

        `timeout` is in seconds. `on_message` is called with each state seen on the way, as a dict. `interval` is accepted
        for old code and means nothing: waiting does not poll at a fixed pace. Inside a task it is an error, because
        it can block every worker, unless `disable_sync_subtasks` is off.

        Raises:
            TimeoutError: it took longer; the task goes on.
            NoBackend: no result backend is configured.
        """
        request = running()
        if disable_sync_subtasks and not _joining_allowed[0] and request is not None and request.message is not None:
            raise RuntimeError(
                "never call result.get() within a task: it can block every worker; let the next task be called by this one, "
                "or pass disable_sync_subtasks=False if you know that enough workers are free"
            )
        if self.ignored:
            return None  # type: ignore[return-value]  # the caller knew that there would be no result
        found = self._wait(timeout, on_message)
        value = self._value(found)
        if propagate and found.state in PROPAGATE_STATES:
            raise value
        if callback is not None:
            callback(self.id, value)
        return value  # type: ignore[no-any-return]

    wait = get

    def maybe_throw(self, propagate: bool = True) -> Any:
        """The value if it is ready; raises the task's exception unless `propagate` is off."""
        value = self.result
        if propagate and self.state in PROPAGATE_STATES:
            raise value
        return value

    def forget(self) -> None:
        """Drop the stored result."""
        self._final = None
        self.app.backend.forget([self.id])

    def meta(self, found: Outcome) -> dict[str, Any]:
        """An outcome as the dict `on_message` gets: status, result, traceback, task_id, date_done, reason."""
        return {
            "task_id": found.id,
            "status": found.state,
            "result": self._value(found),
            "traceback": found.traceback,
            "reason": found.reason,
            "date_done": found.done_at,
            "children": list(found.children),
        }

    def as_tuple(self) -> tuple[Any, ...]:
        """``((id, parent), children)``: the form results are stored in."""
        return ((self.id, None), None)

    def _wait(self, timeout: float | None, on_message: Callable[[dict[str, Any]], Any] | None) -> Outcome:
        if self._final is not None:
            return self._final
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.app.backend.watch([self.id]) as watch:
            while True:
                left = LONGEST_WAIT if deadline is None else max(0.0, deadline - time.monotonic())
                for found in watch.changes(min(left, LONGEST_WAIT)):
                    if on_message is not None:
                        on_message(self.meta(found))
                    if found.is_ready:
                        self._final = found
                        return found
                if deadline is not None and time.monotonic() >= deadline:
                    raise TimeoutError(
                        f"task {self.task_name or ''}[{self.id}] was not done within {timeout:g} s; it goes on"
                    )

    def _value(self, found: Outcome) -> Any:
        value = None
        if found.value is not None:
            value = self.app.serializer(found.content_type).loads(found.value)
        if found.state in EXCEPTION_STATES:
            return rebuild(value)
        return value

    def __eq__(self, other: object) -> bool:
        return self.id == (other.id if isinstance(other, AsyncResult) else other)

    def __hash__(self) -> int:
        return hash(self.id)

    def __str__(self) -> str:
        return self.id

    def __repr__(self) -> str:
        return f"<AsyncResult: {self.id}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (AsyncResult, (self.id,))
