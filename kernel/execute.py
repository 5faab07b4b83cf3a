"""Execution: from a delivery to the transition its attempt causes.

Read top to bottom: decode and admit, call, classify what came out, store and announce. Exceptions of tasks
become outcomes in `_failed` and nowhere else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from . import outcome as states
from .admission import Admit
from .broker import Delivery, Transition, Verdict
from .context import Context, Ending, Frame, frames
from .errors import EncodeError, Ignore, Reject, Retry
from .failure import describe, safe_text, traceback_text
from .message import Message
from .outcome import Outcome, fence_of
from .store import Effect

if TYPE_CHECKING:
    from .app import KernelQ
    from .pool import Tracker
    from .task import Task

log = logging.getLogger("kernelq.worker")


class Abandoned(BaseException):
    """Raised inside a task by a quick stop: the message goes back as if it had never begun."""


class Committer(Protocol):
    """How an executor commits what cannot wait for the batch; a lane is one."""

    def commit(self, transition: Transition) -> bool:
        """Settle one transition now; False when it was refused."""

    def commit_detached(self, transition: Transition) -> None:
        """Publish its successors and apply its effects; its delivery is acknowledged already."""

    def mark_started(self, delivery: Delivery) -> None:
        """Write down that this delivery begins to run."""


class Executor:
    """Runs deliveries of one lane."""

    def __init__(self, app: KernelQ, hostname: str, committer: Committer, tracker: Tracker | None = None) -> None:
        self.app = app
        self._plugins = app.plugins
        self.hostname = hostname
        self._committer = committer
        self._tracker = tracker
        self._admit = Admit(app, hostname)
        self._backend = app.backend if app.backend_url else None
        self._tasks = app.tasks
        self._ttl = app.conf.result_expires or None

    def run(self, delivery: Delivery) -> Transition | None:
        """Run one delivery; the transition to settle, or None when it is settled already."""
        admitted = self._admit(delivery)
        if isinstance(admitted, Transition):
            return admitted
        task, request = admitted
        if delivery.suspect:
            self._committer.mark_started(delivery)
        acked = not task.option("acks_late")
        if acked and not self._committer.commit(Transition(delivery=delivery)):
            return None
        if self._tracker is not None:
            hard, soft = limits_of(task, request)
            self._tracker.started(delivery, soft, hard, acked=acked)
        self._tell("task_prerun", task, request)
        return self._run(task, request, acked=acked)

    def _run(self, task: Task[..., Any], request: Context, *, acked: bool) -> Transition | None:
        begun = time.monotonic()
        token = frames.set(Frame(task, request, None))
        try:
            try:
                self._before(task, request)
                if self._plugins.heard("call_task"):
                    value = self._plugins.call_task(app=self.app, task=task, request=request)
                elif task.is_plain:
                    value = task.run(*request.args, **request.kwargs)
                else:
                    value = task(*request.args, **request.kwargs)
            except Abandoned:
                assert request.delivery is not None
                return Transition(delivery=request.delivery, verdict=Verdict.REQUEUE)
            except BaseException as error:  # noqa: BLE001  (whatever a task raises ends that task, never the worker)
                return self._raised(task, request, error, acked=acked)
            return self._returned(task, request, value, time.monotonic() - begun, acked=acked)
        finally:
            frames.reset(token)
            if self._tracker is not None:
                self._tracker.finished()

    def _before(self, task: Task[..., Any], request: Context) -> None:
        if task.option("track_started") and not self._is_ignored(task, request):
            store_state(task, request.id, states.STARTED, {"hostname": self.hostname}, request)
        if task.overrides("before_start"):
            task.before_start(request.id, request.args, request.kwargs)

    # --- what came out

    def _returned(
        self, task: Task[..., Any], request: Context, value: Any, runtime: float, *, acked: bool
    ) -> Transition | None:
        try:
            outcome = self._outcome(task, request, states.SUCCESS, value)
        except EncodeError as error:
            return self._failed(task, request, error, acked=acked, reason="unserialisable")

        def announce() -> None:
            if task.overrides("on_success"):
                task.on_success(value, request.id, request.args, request.kwargs)
            self._tell("task_success", task, request, result=value, runtime=runtime)
            if log.isEnabledFor(logging.INFO):
                log.info(
                    "task %s[%s] succeeded in %.6fs: %s", task.name, request.id, runtime, safe_text(value, repr)[:1024]
                )
            if task.overrides("after_return"):
                task.after_return(states.SUCCESS, value, request.id, request.args, request.kwargs, None)

        return self._end(
            task, request, states.SUCCESS, value, outcome, announce, ("on_success", "after_return"), acked=acked
        )

    def _raised(
        self, task: Task[..., Any], request: Context, error: BaseException, *, acked: bool
    ) -> Transition | None:
        error = self._retried_by_itself(task, request, error)
        if isinstance(error, Retry) and isinstance(error.sig, Message):
            return self._retrying(task, request, error, acked=acked)
        if isinstance(error, Ignore):
            log.info("task %s[%s] ignored", task.name, request.id)
            return self._end(task, request, states.IGNORED, error, None, None, (), acked=acked)
        if isinstance(error, Reject):
            return self._rejected(task, request, error, acked=acked)
        return self._failed(task, request, error, acked=acked)

    def _retried_by_itself(self, task: Task[..., Any], request: Context, error: BaseException) -> BaseException:
        """What `error` becomes by `autoretry_for`: a `Retry`, or what is raised when retries are used up."""
        wanted = isinstance(error, task.autoretry_for) and not isinstance(
            error, (*task.dont_autoretry_for, Retry, Ignore, Reject)
        )
        if not wanted:
            return error
        options = {**task.retry_kwargs, "countdown": task.retry_countdown(request.retries)}
        try:
            task.retry(exc=error, **options)
        except BaseException as outcome:  # noqa: BLE001  (Retry, or the task's own error when it may not)
            return outcome
        return error

    def _retrying(self, task: Task[..., Any], request: Context, error: Retry, *, acked: bool) -> Transition | None:
        outcome = self._outcome(task, request, states.RETRY, describe(error.exc or error), error=error.exc)

        def announce() -> None:
            if task.overrides("on_retry"):
                task.on_retry(error.exc or error, request.id, request.args, request.kwargs, error.exc)
            self._tell("task_retry", task, request, reason=error, einfo=error.exc)
            log.info("task %s[%s] retry: %s", task.name, request.id, error)

        return self._end(
            task, request, states.RETRY, error, outcome, announce, ("on_retry",), acked=acked, successors=(error.sig,)
        )

    def _rejected(self, task: Task[..., Any], request: Context, error: Reject, *, acked: bool) -> Transition | None:
        log.warning("task %s[%s] rejected: %s", task.name, request.id, safe_text(error.reason))
        if error.requeue:
            return self._end(
                task, request, states.REJECTED, error, None, None, (), acked=acked, verdict=Verdict.REQUEUE
            )
        return self._failed(task, request, error, acked=acked, reason="rejected", verdict=Verdict.DEAD)

    def _failed(
        self,
        task: Task[..., Any],
        request: Context,
        error: BaseException,
        *,
        acked: bool,
        reason: str | None = None,
        verdict: Verdict | None = None,
    ) -> Transition | None:
        outcome = self._outcome(task, request, states.FAILURE, describe(error), error=error, reason=reason)
        if verdict is None:
            verdict = Verdict.ACK if task.option("acks_on_failure") else Verdict.DEAD

        def announce() -> None:
            if task.overrides("on_failure"):
                task.on_failure(error, request.id, request.args, request.kwargs, error)
            self._tell("task_failure", task, request, exception=error, einfo=error)
            expected = isinstance(error, task.throws)
            log.log(
                logging.INFO if expected else logging.ERROR,
                "task %s[%s] raised %s: %s",
                task.name,
                request.id,
                "expected" if expected else "unexpected",
                safe_text(error, repr),
                exc_info=None if expected or not _is_printable(error) else error,
            )
            if task.overrides("after_return"):
                task.after_return(states.FAILURE, error, request.id, request.args, request.kwargs, error)

        return self._end(
            task,
            request,
            states.FAILURE,
            error,
            outcome,
            announce,
            ("on_failure", "after_return"),
            acked=acked,
            verdict=verdict,
        )

    # --- the end

    def _end(
        self,
        task: Task[..., Any],
        request: Context,
        state: str,
        value: Any,
        outcome: Outcome | None,
        announce: Callable[[], None] | None,
        handlers: tuple[str, ...],
        *,
        acked: bool,
        verdict: Verdict = Verdict.ACK,
        successors: tuple[Any, ...] = (),
    ) -> Transition | None:
        """Make the transition; commit it at once when the task's own handlers want to see it stored."""
        delivery = request.delivery
        assert delivery is not None
        assert request.message is not None
        effects: tuple[Effect, ...] = ()
        if outcome is not None and self._backend is not None:
            effects = (Effect(self._backend, outcome),)
        if self._plugins.heard("advance"):
            ending = Ending(
                message=request.message, delivery=delivery, verdict=verdict, state=state, value=value,
                outcome=outcome, task=task, request=request,
            )  # fmt: skip
            more_successors, more_effects = self._plugins.advance(self.app, ending)
            successors, effects = successors + more_successors, effects + more_effects
        reason = (outcome.reason or "failed") if outcome is not None and verdict is Verdict.DEAD else ""
        transition: Transition | None = Transition(
            delivery=delivery, verdict=verdict, reason=reason, successors=successors, effects=effects
        )
        assert transition is not None
        if acked:
            self._committer.commit_detached(transition)
            transition = None
        elif handlers and task.overrides(*handlers):
            if not self._committer.commit(transition):
                announce = None  # somebody else runs it now; what they will see is not ours to tell
            transition = None
        try:
            if announce is not None:
                announce()
        except Exception:
            log.exception("a handler of task %s[%s] failed; its outcome stands", task.name, request.id)
        self._tell("task_postrun", task, request, retval=value, state=state)
        return transition

    def _tell(self, hook: str, task: Task[..., Any], request: Context, **details: Any) -> None:
        if self._plugins.heard(hook):
            self._plugins.notify(hook, app=self.app, task=task, request=request, **details)

    def _outcome(
        self,
        task: Task[..., Any],
        request: Context,
        state: str,
        value: Any,
        *,
        error: BaseException | None = None,
        reason: str | None = None,
    ) -> Outcome | None:
        """What is stored of this end; None when results are ignored."""
        if self._backend is None:
            return None
        if self._is_ignored(task, request) and (
            state == states.SUCCESS or not task.option("store_errors_even_if_ignored")
        ):
            return None
        message = request.message
        assert message is not None
        serializer = self.app.serializer(self.app.conf.result_serializer)
        try:
            data = serializer.dumps(value)
        except EncodeError as broken:
            raise EncodeError(
                f"the result of {task.name} cannot be stored: {broken}: {safe_text(value, repr)[:200]}"
            ) from None
        return Outcome(
            id=message.id,
            state=state,
            fence=fence_of(message.retries, request.delivery.fence if request.delivery is not None else 0),
            value=data,
            content_type=serializer.content_type,
            traceback=traceback_text(error) if error is not None else None,
            reason=reason,
            task=task.name,
            worker=self.hostname,
            retries=message.retries,
            done_at=time.time() if state in states.READY_STATES else None,
            ttl=self._ttl,
            parent_id=message.parent_id,
            root_id=message.root_id,
            group_id=message.group,
            children=tuple(child.as_tuple() for child in request.children),
        )

    def _is_ignored(self, task: Task[..., Any], request: Context) -> bool:
        asked = request.message.ignore_result if request.message is not None else None
        return bool(task.option("ignore_result") if asked is None else asked)


def limits_of(task: Task[..., Any], request: Context) -> tuple[float | None, float | None]:
    """(hard, soft) seconds of this run: the call's, else the task's, else the settings'."""
    hard, soft = request.timelimit
    return (
        hard if hard is not None else task.option("time_limit"),
        soft if soft is not None else task.option("soft_time_limit"),
    )


def store_state(
    task: Task[..., Any], task_id: str | None, state: str, meta: Any, request: Context | None = None
) -> None:
    """Store a state that is not the end, at once."""
    if not task_id:
        raise ValueError(f"update_state of {task.name} outside a run needs a task_id")
    request = request or task.request
    serializer = task.app.serializer(task.app.conf.result_serializer)
    is_own = request.message is not None and request.message.id == task_id
    fence = fence_of(request.retries, request.delivery.fence) if is_own and request.delivery is not None else 0
    value = describe(meta) if isinstance(meta, BaseException) else meta
    task.app.backend.apply(
        [
            Outcome(
                id=task_id, state=state, fence=fence, value=serializer.dumps(value), content_type=serializer.content_type,
                task=task.name, worker=request.hostname, retries=request.retries, ttl=task.app.conf.result_expires or None,
                done_at=time.time() if state in states.READY_STATES else None,
            )
        ]
    )  # fmt: skip


def _is_printable(error: BaseException) -> bool:
    try:
        str(error)
    except BaseException:  # noqa: BLE001  (a user's __str__)
        return False
    return True
