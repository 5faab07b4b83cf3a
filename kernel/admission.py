"""Admission: whether a fetched message may run here and now, and what becomes of it otherwise."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import outcome as states
from .broker import Delivery, Transition, Verdict
from .context import Context, Ending
from .errors import (
    ContentDisallowed,
    DecodeError,
    InvalidTaskError,
    KernelQError,
    NotRegistered,
    TaskRevokedError,
    WorkerLostError,
)  # fmt: skip
from .failure import ExceptionInfo
from .message import Message, Undecodable
from .record import Recorder

if TYPE_CHECKING:
    from .app import KernelQ
    from .task import Task

log = logging.getLogger("kernelq.worker")

PARKED_FIRST = 1.0
PARKED_MOST = 60.0
"""Seconds an unknown task's message is parked: twice as long each time, up to a minute."""


class Admit:
    """Decides on deliveries of one lane: a task and its request to run, or the transition that ends it here."""

    def __init__(self, app: KernelQ, hostname: str, now: Callable[[], float] = time.time) -> None:
        self._app = app
        self._plugins = app.plugins
        self._hostname = hostname
        self._now = now
        self._tasks = app.tasks
        self._record = Recorder(app, hostname)
        self._max_crashes: int = app.conf.task_max_crashes
        self._max_size: int = app.conf.task_max_size
        self._accepted = frozenset(app.serializer(name).content_type for name in app.conf.accept_content)

    def __call__(self, delivery: Delivery) -> Transition | tuple[Task[..., Any], Context]:
        """Admit a delivery: what to run, or how it ends unrun."""
        message = delivery.message
        if isinstance(message, Undecodable):
            return self._undecodable(delivery, message, DecodeError(message.reason))
        task = self._tasks.get(message.task)
        if delivery.revoked:
            return self._revoked(delivery, message, task, "revoked")
        if task is None:
            return self._unknown(delivery, message)
        if delivery.crashes > self._max_crashes:
            error = WorkerLostError(f"the process running {message.task} died {delivery.crashes} times")
            log.error("task %s[%s] goes to the dead letters: %s", message.task, message.id, error)
            return self.end(delivery, message, states.FAILURE, error, "crashed", Verdict.DEAD)
        if message.expires is not None and message.expires <= self._now():
            return self._revoked(delivery, message, task, "expired")
        try:
            args, kwargs, embed = self._decode(message)
        except (KernelQError, TypeError, ValueError) as error:
            return self._undecodable(delivery, message, error)
        request = Context(message, args, kwargs, embed, delivery, self._hostname)
        if "task_received" in self._plugins.ears:
            self._plugins.notify(
                "task_received", app=self._app, message=message, delivery=delivery, hostname=self._hostname
            )
        return task, request

    def _decode(self, message: Message) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
        if message.content_type not in self._accepted:
            accepted = ", ".join(self._app.conf.accept_content)
            raise ContentDisallowed(
                f"content type {message.content_type!r} is not accepted here (accept_content: {accepted})"
            )
        return decode_body(self._app, message, self._max_size)

    def _undecodable(self, delivery: Delivery, message: Message | Undecodable, error: Exception) -> Transition:
        log.error("a message in %s goes to the dead letters: %s", delivery.queue, error)
        self._plugins.notify("task_rejected", app=self._app, message=message, hostname=self._hostname, exc=error)
        if isinstance(message, Undecodable):
            return Transition(delivery=delivery, verdict=Verdict.DEAD, reason=f"undecodable: {error}")
        return self.end(delivery, message, states.FAILURE, error, "undecodable", Verdict.DEAD)

    def _unknown(self, delivery: Delivery, message: Message) -> Transition:
        error = NotRegistered(f"no task {message.task!r} is registered here")
        self._plugins.notify("task_unknown", app=self._app, message=message, hostname=self._hostname, exc=error)
        since = max(message.sent_at or 0.0, message.eta or 0.0)
        if since and self._now() - since > self._app.conf.task_unknown_ttl:
            log.error("task %s[%s] goes to the dead letters: no worker ever knew it", message.task, message.id)
            return self.end(delivery, message, states.FAILURE, error, "unknown", Verdict.DEAD)
        delay = min(PARKED_MOST, PARKED_FIRST * 2.0 ** min(delivery.fence - 1, 10))
        log.error("%s; message %s is parked for %.0f s. Is its module imported?", error, message.id, delay)
        return Transition(delivery=delivery, verdict=Verdict.PARK, delay=delay)

    def _revoked(self, delivery: Delivery, message: Message, task: Task[..., Any] | None, reason: str) -> Transition:
        log.warning("task %s[%s] %s before it could run", message.task, message.id, reason)
        if task is not None and "task_revoked" in self._plugins.ears:
            request = Context(message, delivery=delivery, hostname=self._hostname)
            self._plugins.notify(
                "task_revoked", app=self._app, task=task, request=request, terminated=False, signum=None,
                expired=reason == "expired",
            )  # fmt: skip
        return self.end(delivery, message, states.REVOKED, TaskRevokedError(reason), reason)

    def end(
        self,
        delivery: Delivery,
        message: Message,
        state: str,
        error: BaseException,
        reason: str,
        verdict: Verdict = Verdict.ACK,
    ) -> Transition:
        """The transition of a message that ends without its task returning or raising.

        Its outcome is stored even when results are ignored: what ends unseen must not disappear in silence.
        """
        task = self._tasks.get(message.task)
        outcome = self._record.make(message, delivery.fence, state, error, reason)
        effects = self._record.effects(outcome)
        successors: tuple[Message, ...] = ()
        if "advance" in self._plugins.ears:
            ending = Ending(
                message=message, delivery=delivery, verdict=verdict, state=state, value=error, outcome=outcome, task=task
            )  # fmt: skip
            successors, more = self._plugins.advance(self._app, ending)
            effects, successors = effects + more, self._plugins.prepared(self._app, successors)
        if task is not None and state == states.FAILURE and "task_failure" in self._plugins.ears:
            request = Context(message, delivery=delivery, hostname=self._hostname)
            self._plugins.notify(
                "task_failure", app=self._app, task=task, request=request, exception=error, einfo=ExceptionInfo(error)
            )
        why = reason if verdict is Verdict.DEAD else ""
        return Transition(delivery=delivery, verdict=verdict, reason=why, successors=successors, effects=effects)


def decode_body(
    app: KernelQ, message: Message, limit: int = sys.maxsize
) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    """(args, kwargs, embed) of a message, of at most `limit` bytes; `accept_content` is for the caller to keep.

    Raises:
        InvalidTaskError: it is too large, or has another shape.
        DecodeError: the bytes are not what the message says.
        DriverNotFound: nothing here reads its content type or compression.
    """
    body = message.body
    if len(body) > limit:
        raise InvalidTaskError(f"a body of {len(body):,} bytes, more than task_max_size ({limit:,})")
    if message.compression is not None:
        body = app.compressor(message.compression).decompress(body, limit)
    found = (app.serializers.get(message.content_type) or app.serializer(message.content_type)).loads(body)
    if isinstance(found, (list, tuple)) and len(found) == 3:
        args, kwargs, embed = found
        if isinstance(args, list) and isinstance(kwargs, dict) and (embed is None or isinstance(embed, dict)):
            return args, kwargs, embed or {}
    raise InvalidTaskError("expected a body of [list, mapping, mapping]")
