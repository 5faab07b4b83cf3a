"""The recorder: outcomes as they are stored, made in one place from a message and what came of it."""

from __future__ import annotations

import os
import time
import traceback
from typing import TYPE_CHECKING, Any

from . import outcome as states
from .context import Context
from .errors import EncodeError, Retry
from .failure import bounded, describe, safe_text
from .message import Message
from .outcome import Outcome, fence_of
from .store import Effect

if TYPE_CHECKING:
    from .app import KernelQ
    from .task import Task


EXTRA = ("queue", "body", "content_type", "compression", "stamps")
"""What `result_extended` keeps of the message: its queue, and its arguments as they travelled."""


class Recorder:
    """Makes the outcomes of one lane or process; `hostname` is stored with each."""

    def __init__(self, app: KernelQ, hostname: str | None) -> None:
        self._backend = app.backend if app.backend_url else None
        self._serializer = app.serializer(app.conf.result_serializer)
        self._ttl = app.conf.result_expires or None
        self._failure_ttl = app.conf.result_failure_expires or self._ttl
        self._max_size: int = app.conf.result_max_size
        self._hostname = hostname
        self._extra = EXTRA if app.conf.result_extended else ()

    def effects(self, outcome: Outcome | None) -> tuple[Effect, ...]:
        """What stores an outcome; nothing for none."""
        return () if outcome is None or self._backend is None else (Effect(self._backend, outcome),)

    def outcome(
        self, task: Task[..., Any], request: Context, state: str, value: Any, reason: str | None = None
    ) -> Outcome | None:
        """What is stored of a run's end; None when there is nothing to store or results are ignored.

        Raises:
            EncodeError: the value cannot be serialised.
        """
        message = request.message
        if self._backend is None or message is None or state in (states.IGNORED, states.REJECTED):
            return None
        if self.is_ignored(task, message) and (
            state == states.SUCCESS or not task.option("store_errors_even_if_ignored")
        ):
            return None
        claims = 0 if request.delivery is None else request.delivery.fence
        children = tuple(child.as_tuple() for child in request.children) if request.children else ()
        return self.make(message, claims, state, value, reason, children)

    def make(
        self, message: Message, claims: int, state: str, value: Any, reason: str | None = None, children: Any = ()
    ) -> Outcome:
        """The outcome of a message's attempt; an exception as `value` is stored as data, with its traceback."""
        error = (value.exc or value) if isinstance(value, Retry) else value
        is_error = isinstance(error, BaseException)
        try:
            data = self._serializer.dumps(describe(error) if is_error else value)
        except EncodeError as broken:
            what = safe_text(value, repr)[:200]
            raise EncodeError(f"the result of {message.task} cannot be stored: {broken}: {what}") from None
        if len(data) > self._max_size and not is_error:  # `describe` keeps errors short
            raise EncodeError(
                f"the result of {message.task} is {len(data):,} bytes, more than the setting result_max_size ({self._max_size:,}); "
                "keep large data elsewhere and return a reference to it"
            )
        return Outcome(
            id=message.id,
            state=state,
            fence=fence_of(message.retries, claims, message.replaced),
            value=data,
            content_type=self._serializer.content_type,
            traceback=self.traceback(error) if is_error and error.__traceback__ is not None else None,
            reason=reason,
            task=message.task,
            worker=self._hostname,
            retries=message.retries,
            done_at=time.time() if state in states.READY_STATES else None,
            ttl=self._failure_ttl if state == states.FAILURE else self._ttl,
            parent_id=message.parent_id,
            root_id=message.root_id,
            group_id=message.group,
            reply_to=message.reply_to,
            children=children,
            extra={name: getattr(message, name) for name in self._extra} if self._extra else {},
        )

    def started(self, task: Task[..., Any], request: Context) -> None:
        """Store STARTED, unless results are ignored."""
        if request.message is not None and not self.is_ignored(task, request.message):
            self.state(request, request.message, states.STARTED, {"hostname": self._hostname, "pid": os.getpid()})

    def state(self, request: Context, message: Message, state: str, meta: Any) -> None:
        """Store a state that is not the end, at once."""
        if self._backend is not None:
            self._backend.apply([self.make(message, request.delivery.fence if request.delivery else 0, state, meta)])

    @staticmethod
    def is_ignored(task: Task[..., Any], message: Message) -> bool:
        """Whether the result is not wanted: the call decides, else the task, else the setting."""
        return bool(task.option("ignore_result") if message.ignore_result is None else message.ignore_result)

    @staticmethod
    def traceback(error: BaseException) -> str:
        """The traceback as text, without our own frames above the task's function, bounded."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None and _is_ours(trace.tb_frame.f_globals):
            trace = trace.tb_next
        try:
            text = "".join(traceback.format_exception(type(error), error, trace))
        except BaseException as broken:  # noqa: BLE001  (formatting calls the exception's own __str__)
            what = f"{type(error).__qualname__}: <{type(broken).__name__} in its text>\n"
            text = "".join(traceback.format_tb(trace)) + what
        return bounded(text)


def _is_ours(module: dict[str, Any]) -> bool:
    return str(module.get("__name__", "")).startswith(("kernelq.", "kernelq_plugins."))
