"""The bulk: a block in which calls are collected and published some at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Self, TypeVar

from .batch import Fates, caller_of, policy_of, publish_each, result_of
from .not_accepted import NotAccepted

if TYPE_CHECKING:
    from kernelq import AsyncResult, KernelQ, Task
    from kernelq.contracts import Message

P = ParamSpec("P")
R = TypeVar("R")

SIZE: Final = 2000
"""Messages in one round trip: Redis then serves nobody else for 12 ms. Measured there: with 1,000 three quarters as many a second."""

UNDER_WAY: Final = 2
"""Chunks that may be published while the next one is made; more only fill memory."""


class Bulk:
    """Collects the calls of a ``with app.bulk() as bulk:`` block. Used by one thread."""

    def __init__(self, app: KernelQ, size: int = SIZE) -> None:
        if size < 1:
            raise ValueError(f"expected a bulk of at least 1 message a round trip, got size={size!r}")
        self._app = app
        self._size = size
        self._messages: list[Message] = []
        self._results: list[AsyncResult[Any]] = []  # of `_messages`, when plugins may put another task in their place
        self._policy: dict[str, Any] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._under_way: deque[tuple[Future[Fates], list[AsyncResult[Any]]]] = deque()
        self._is_watched = bool(app.plugins.heard("admit"))
        self._call_here = caller_of(app)

    def delay(self, task: Task[P, R], *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """`Task.delay`, sent with the others."""
        return self.apply_async(task, args, kwargs)

    def apply_async(
        self, task: Task[..., R], args: Any = None, kwargs: Any = None, task_id: str | None = None, **options: Any
    ) -> AsyncResult[R]:
        """`Task.apply_async`, sent with the others. Errors of the call itself, wrong arguments say, are raised here.

        The result is of the id the message has; when a plugin finds that task queued already, it becomes that one's
        with the publish.
        """
        if task_id is not None:
            options["task_id"] = task_id
        if self._call_here is not None:
            return self._call_here(task, args, kwargs, options)
        message = self._app.publisher.message(task, task.name, args, kwargs, options)
        return self._add(message, options)

    def send_task(self, name: str, args: Any = None, kwargs: Any = None, **options: Any) -> AsyncResult[Any]:
        """`KernelQ.send_task`, sent with the others."""
        app = self._app
        return self._add(app.publisher.message(app.tasks.get(name), name, args, kwargs, options), options)

    def flush(self) -> None:
        """Publish what was called up to now, and wait until it is accepted; raises `NotAccepted`."""
        self._hand_over()
        while self._under_way:
            self._take_one()

    def _add(self, message: Message, options: Mapping[str, Any]) -> AsyncResult[Any]:
        if options or self._policy:
            policy = policy_of(options)
            if policy != self._policy:
                self._hand_over()
                self._policy = policy
        result = result_of(self._app, message, None, options)
        self._messages.append(message)
        if self._is_watched:
            self._results.append(result)
        if len(self._messages) >= self._size:
            self._hand_over()
        return result

    def _hand_over(self) -> None:
        """Have the chunk published, on a thread unless it is part of the caller's own transaction."""
        messages, self._messages = self._messages, []
        results, self._results = self._results, []
        if not messages:
            return
        if self._policy.get("session") is not None:
            future: Future[Fates] = Future()
            future.set_result(publish_each(self._app, messages, self._policy))
        else:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(1, thread_name_prefix="bulk")
            future = self._threads.submit(copy_context().run, publish_each, self._app, messages, self._policy)
        self._under_way.append((future, results))
        while len(self._under_way) > UNDER_WAY or self._under_way[0][0].done():
            self._take_one()
            if not self._under_way:
                break

    def _take_one(self) -> None:
        """See what became of the oldest chunk; when it was not accepted, nothing after it is kept back."""
        future, results = self._under_way.popleft()
        fates = future.result()
        if not fates:
            return
        holders = {task_id: fate for task_id, fate in fates.items() if isinstance(fate, str)}
        for result in results:
            if result.id in holders:
                result.id = holders[result.id]
        errors = {task_id: fate for task_id, fate in fates.items() if isinstance(fate, Exception)}
        if errors:
            raise self._not_accepted(errors)

    def _not_accepted(self, errors: dict[str, Exception]) -> NotAccepted:
        """The error, with the fate of what is still under way; what was not handed over is not sent any more."""
        reason = next(iter(errors.values()))
        while self._under_way:
            fates = self._under_way.popleft()[0].result()
            errors |= {task_id: fate for task_id, fate in fates.items() if isinstance(fate, Exception)}
        errors |= {message.id: reason for message in self._messages}
        self._messages, self._results = [], []
        error = NotAccepted(errors)
        error.__cause__ = reason
        return error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.flush()
        except NotAccepted as refused:
            if error is None:
                raise
            error.add_note(str(refused))
        finally:
            if self._threads is not None:
                self._threads.shutdown()
                self._threads = None
