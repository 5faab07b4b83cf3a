"""Admission: whether a fetched message may run here and now, and what becomes of it otherwise."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import outcome as states
from .broker import Delivery, Transition, Verdict
from .context import Context, Ending
from .errors import (
    ContentDisallowed,
    DecodeError,
    DriverNotFound,
    InvalidTaskError,
    NotRegistered,
    TaskRevokedError,
    WorkerLostError,
)
from .failure import describe
from .message import Message, Undecodable
from .outcome import Outcome, fence_of
from .store import Effect

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
        self._backend = app.backend if app.backend_url else None
        self._tasks = app.tasks
        self._max_crashes = app.conf.task_max_crashes
        self._accepted = _content_types(app)

    def __call__(self, delivery: Delivery) -> Transition | tuple[Task[..., Any], Context]:
        """Admit a delivery: what to run, or how it ends unrun."""
        message = delivery.message
        if isinstance(message, Undecodable):
            return self._undecodable(delivery, message, DecodeError(message.reason))
        task = self._tasks.get(message.task)
        if task is None:
            return self._unknown(delivery, message)
        if delivery.crashes > self._max_crashes:
            return self.crashed(delivery, message)
        if message.expires is not None and message.expires <= self._now():
            return self._expired(delivery, message, task)
        try:
            args, kwargs, embed = self._decode(message)
        except (DecodeError, ContentDisallowed, InvalidTaskError, DriverNotFound) as error:
            return self._undecodable(delivery, message, error)
        if self._plugins.heard("task_received"):
            self._plugins.notify(
                "task_received", app=self._app, message=message, delivery=delivery, hostname=self._hostname
            )
        log.debug("task %s[%s] received", message.task, message.id)
        return task, Context(message, args, kwargs, embed, delivery=delivery, hostname=self._hostname)

    def _decode(self, message: Message) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
        serializer = self._accepted.get(message.content_type)
        if serializer is None:
            raise ContentDisallowed(
                f"content type {message.content_type!r} is not accepted here (accept_content: "
                f"{', '.join(self._app.conf.accept_content)})"
            )
        try:
            args, kwargs, embed = serializer.loads(message.body)
        except (TypeError, ValueError) as error:
            raise InvalidTaskError(
                f"expected a body of [args, kwargs, callbacks], got something else: {error}"
            ) from error
        if not isinstance(args, list | tuple) or not isinstance(kwargs, dict):
            raise InvalidTaskError("expected a body of [list, mapping, mapping]")
        return list(args), kwargs, embed or {}

    # --- endings without a run

    def _undecodable(self, delivery: Delivery, message: Message | Undecodable, error: Exception) -> Transition:
        log.error("message in %s goes to the dead letters: %s", delivery.queue, error)
        self._plugins.notify("task_rejected", app=self._app, message=message, hostname=self._hostname, exc=error)
        if isinstance(message, Undecodable):
            return Transition(delivery=delivery, verdict=Verdict.DEAD, reason=f"undecodable: {error}")
        return self.end(delivery, message, states.FAILURE, error, "undecodable", verdict=Verdict.DEAD)

    def _unknown(self, delivery: Delivery, message: Message) -> Transition:
        error = NotRegistered(f"no task {message.task!r} is registered here")
        self._plugins.notify("task_unknown", app=self._app, message=message, hostname=self._hostname, exc=error)
        since = max(message.sent_at or 0.0, message.eta or 0.0)
        age = self._now() - since if since else 0.0
        if age > self._app.conf.task_unknown_ttl:
            log.error(
                "task %s[%s] goes to the dead letters: no worker knew it for %.0f s", message.task, message.id, age
            )
            return self.end(delivery, message, states.FAILURE, error, "unknown", verdict=Verdict.DEAD)
        delay = min(PARKED_MOST, PARKED_FIRST * 2.0 ** min(delivery.fence - 1, 10))
        log.error(
            "no task %r is registered here; its message %s is parked for %.0f s. Is the module that defines it imported?",
            message.task,
            message.id,
            delay,
        )
        return Transition(delivery=delivery, verdict=Verdict.PARK, delay=delay)

    def _expired(self, delivery: Delivery, message: Message, task: Task[..., Any]) -> Transition:
        log.warning("task %s[%s] expired before it could run", message.task, message.id)
        if self._plugins.heard("task_revoked"):
            request = Context(message, delivery=delivery, hostname=self._hostname)
            self._plugins.notify(
                "task_revoked", app=self._app, task=task, request=request, terminated=False, signum=None, expired=True
            )
        return self.end(delivery, message, states.REVOKED, TaskRevokedError("expired"), "expired", task=task)

    def crashed(self, delivery: Delivery, message: Message, detail: str = "") -> Transition:
        """The end of a message whose process died too often."""
        error = WorkerLostError(
            f"the process running {message.task} died {delivery.crashes} times{f' ({detail})' if detail else ''}"
        )
        log.error("task %s[%s] goes to the dead letters: %s", message.task, message.id, error)
        return self.end(delivery, message, states.FAILURE, error, "crashed", verdict=Verdict.DEAD)

    def end(
        self,
        delivery: Delivery,
        message: Message,
        state: str,
        error: BaseException,
        reason: str,
        *,
        verdict: Verdict = Verdict.ACK,
        task: Task[..., Any] | None = None,
    ) -> Transition:
        """The transition of a message that ends without its task returning or raising."""
        task = task or self._tasks.get(message.task)
        outcome = self._outcome(delivery, message, state, error, reason)
        effects: tuple[Effect, ...] = ()
        if outcome is not None and self._backend is not None:
            effects = (Effect(self._backend, outcome),)
        successors: tuple[Message, ...] = ()
        if self._plugins.heard("advance"):
            ending = Ending(
                message=message,
                delivery=delivery,
                verdict=verdict,
                state=state,
                value=error,
                outcome=outcome,
                task=task,
            )
            successors, more = self._plugins.advance(self._app, ending)
            effects += more
        if task is not None and state == states.FAILURE and self._plugins.heard("task_failure"):
            request = Context(message, delivery=delivery, hostname=self._hostname)
            self._plugins.notify(
                "task_failure", app=self._app, task=task, request=request, exception=error, einfo=error
            )
        why = reason if verdict is Verdict.DEAD else ""
        return Transition(delivery=delivery, verdict=verdict, reason=why, successors=successors, effects=effects)

    def _outcome(
        self, delivery: Delivery, message: Message, state: str, error: BaseException, reason: str
    ) -> Outcome | None:
        # Stored even when results are ignored: a task that ends unseen must not disappear in silence.
        if self._backend is None:
            return None
        serializer = self._app.serializer(self._app.conf.result_serializer)
        return Outcome(
            id=message.id,
            state=state,
            fence=fence_of(message.retries, delivery.fence),
            value=serializer.dumps(describe(error)),
            content_type=serializer.content_type,
            reason=reason,
            task=message.task,
            worker=self._hostname,
            retries=message.retries,
            done_at=self._now(),
            ttl=self._app.conf.result_expires or None,
            parent_id=message.parent_id,
            root_id=message.root_id,
            group_id=message.group,
        )


def _content_types(app: KernelQ) -> dict[str, Any]:
    """Content type → serializer, of what `accept_content` names."""
    serializers = [app.serializer(name) for name in app.conf.accept_content]
    return {serializer.content_type: serializer for serializer in serializers}
