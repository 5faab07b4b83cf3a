"""Execution: from a delivery to the transition its attempt causes.

Read top to bottom: admit, run, classify what came out, commit, announce. Whatever a task raises becomes an `End` in
`_classify` and nowhere else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Coroutine
from contextvars import Token
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec.structs import replace

from . import outcome as states
from .admission import Admit
from .broker import Delivery, Transition, Verdict
from .context import Context, Ending, Frame, frames
from .errors import BackendUnavailable, BrokerUnavailable, EncodeError, Ignore, ImproperlyConfigured, Reject, Retry
from .failure import ExceptionInfo, safe_text
from .message import Message
from .record import Recorder

if TYPE_CHECKING:
    from kernelq.pools import Tracker

    from .app import KernelQ
    from .hooks import Runner
    from .store import Effect
    from .task import Task

log = logging.getLogger("kernelq.worker")

HANDLERS = {
    states.SUCCESS: {"on_success", "after_return"},
    states.FAILURE: {"on_failure", "after_return"},
    states.RETRY: {"on_retry"},
}
"""The handlers of a task that want to see its end stored."""

OF_RUN = ("track_started", "acks_late", "time_limit", "soft_time_limit")  # what each run asks its task for


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


class End(msgspec.Struct, eq=False):
    """How a run ended: `value` is what was returned or raised."""

    state: str
    value: Any
    verdict: Verdict = Verdict.ACK
    reason: str | None = None
    successors: tuple[Message, ...] = ()


class Run(msgspec.Struct, eq=False):
    """One run of a task that was admitted; `end` is set when it has ended."""

    task: Task[..., Any]
    request: Context
    delivery: Delivery
    acked: bool  # before it ran
    token: Token[Frame | None]
    began: float = 0.0  # monotonic seconds
    end: End | None = None


class Executor:
    """Runs the deliveries of one lane."""

    def __init__(self, app: KernelQ, hostname: str, committer: Committer, tracker: Tracker | None = None) -> None:
        self.app = app
        self._plugins = app.plugins
        self._committer = committer
        self._tracker = tracker
        self._record = Recorder(app, hostname)
        self._admit = Admit(app, hostname)
        self._runner: Runner | None = None

    def run(self, delivery: Delivery) -> Transition | None:
        """Run one delivery; the transition to settle, or None when it is settled already."""
        run = self.begin(delivery)
        if not isinstance(run, Run):
            return run
        try:
            try:
                try:
                    value = self.call(run)
                    if type(value) is CoroutineType:
                        value = self._run_coroutine(value)
                finally:
                    if self._tracker is not None:
                        self._tracker.finished()  # at once: time limits are for the task, not for what follows
            except Abandoned:
                return Transition(delivery=delivery, verdict=Verdict.REQUEUE)
            except BaseException as error:  # noqa: BLE001  (whatever a task raises ends that task, never the worker)
                return self.fail(run, error)
            return self.succeed(run, value)
        finally:
            frames.reset(run.token)

    def begin(self, delivery: Delivery) -> Run | Transition | None:
        """Admit a delivery and make its task the running one of this thread or coroutine, which resets `token` at its end.

        Otherwise the transition to settle, or None when it is settled already.
        """
        admitted = self._admit(delivery)
        if isinstance(admitted, Transition):
            return admitted
        task, request = admitted
        if delivery.suspect:
            self._committer.mark_started(delivery)
        is_told, is_late, hard, soft = task.options(OF_RUN)
        if is_told:
            self._record.started(task, request)  # first: a backend that is away is not the task's failure
        if not is_late and not self._committer.commit(Transition(delivery=delivery)):
            return None
        if self._tracker is not None:
            if request.message is not None and request.message.timelimit is not None:
                hard, soft = task.limits(request)
            self._tracker.started(delivery, soft, hard, acked=not is_late)
        token = frames.set(Frame(task, request, frames.get()))
        if "task_prerun" in self._plugins.ears:
            self._tell("task_prerun", task, request)
        return Run(task, request, delivery, not is_late, token, time.monotonic())

    def call(self, run: Run) -> Any:
        """Call the task's function: what it returns, a coroutine of an ``async def`` one."""
        task, request = run.task, run.request
        if task.handlers and "before_start" in task.handlers:
            task.before_start(request.id, request.args, request.kwargs)
        if "call_task" in self._plugins.ears:
            return self._plugins.call_task(app=self.app, task=task, request=request)
        call = task.run if task.is_plain else task
        return call(*request.args, **request.kwargs)

    def succeed(self, run: Run, value: Any) -> Transition | None:
        """End a run whose task returned `value`; see `run`."""
        return self._finish(run, End(states.SUCCESS, value))

    def fail(self, run: Run, error: BaseException) -> Transition | None:
        """End a run whose task raised `error`; see `run`."""
        return self._finish(run, self._classify(run.task, run.request, error))

    def internal_error(self, delivery: Delivery, error: Exception) -> Transition:
        """The end of an attempt that failed by an error of ours or a plugin's around the task, which `run` raised.

        Charged like a crash, so that it cannot go on for ever.
        """
        message = delivery.message
        log.error("internal error around %s", message, exc_info=error)
        task = self.app.tasks.get(message.task) if isinstance(message, Message) else None
        if task is not None and isinstance(message, Message):
            request = Context(message, delivery=delivery)
            self._tell("task_internal_error", task, request, exception=error, einfo=ExceptionInfo(error))
        return Transition(delivery=delivery, verdict=Verdict.CRASHED)

    def _run_coroutine(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        if self._runner is None:
            self._runner = self._plugins.hook.make_runner(app=self.app)
        if self._runner is None:
            coroutine.close()
            raise ImproperlyConfigured("no plugin runs async def tasks here; enable the plugin 'asynchronous'")
        return self._runner(coroutine)

    def _classify(self, task: Task[..., Any], request: Context, error: BaseException) -> End:
        if task.autoretry_for:
            error = task.retried_by_itself(request, error)
        if isinstance(error, Retry) and isinstance(error.sig, Message):
            return End(states.RETRY, error, successors=(error.sig,))
        if isinstance(error, Ignore):
            return End(states.IGNORED, error)
        if isinstance(error, Reject):
            if error.requeue:
                return End(states.REJECTED, error, Verdict.REQUEUE)
            return End(states.FAILURE, error.with_traceback(None), Verdict.DEAD, "rejected")
        return End(states.FAILURE, error, Verdict.ACK if task.option("acks_on_failure") else Verdict.DEAD)

    def _finish(self, run: Run, end: End) -> Transition | None:
        """Make the transition; commit it at once when the task's own handlers want to see it stored."""
        runtime = time.monotonic() - run.began
        task, request = run.task, run.request
        try:
            transition = self._transition(run, end)
        except (BrokerUnavailable, BackendUnavailable):
            raise
        except Exception as error:
            # A value that cannot be stored, or not be passed on to what follows, is the task's failure.
            if end.state != states.SUCCESS and not isinstance(error, EncodeError):
                raise
            end = End(states.FAILURE, error, reason="unserialisable" if isinstance(error, EncodeError) else None)
            transition = self._transition(run, end)
        task.runs.ended += 1
        if end.state == states.SUCCESS:
            task.runs.succeeded_at = time.time()
        is_kept, waits = True, False
        if run.acked:
            self._committer.commit_detached(transition)
        elif (task.handlers and not task.handlers.isdisjoint(HANDLERS.get(end.state, ()))) or (
            end.state == states.FAILURE and request.embed.get("errbacks")
        ):
            is_kept = self._committer.commit(transition)
        else:
            waits = True
        if is_kept:  # else somebody else runs it now, and what they will see is not ours to tell
            self._announce(task, request, end, runtime)
        if "task_postrun" in self._plugins.ears:
            state = states.REJECTED if end.reason == "rejected" else end.state
            self._tell("task_postrun", task, request, retval=end.value, state=state)
        return transition if waits else None

    def _transition(self, run: Run, end: End) -> Transition:
        """All that an end causes; sets `run.end`."""
        task, request, delivery = run.task, run.request, run.delivery
        run.end = end
        outcome = self._record.outcome(task, request, end.state, end.value, end.reason)
        successors = end.successors
        effects: tuple[Effect, ...] = ()
        if "advance" in self._plugins.ears and request.message is not None:
            children = len(request.children)
            ending = Ending(
                message=request.message, delivery=delivery, verdict=end.verdict, state=end.state, value=end.value,
                outcome=outcome, task=task, request=request,
            )  # fmt: skip
            more, effects = self._plugins.advance(self.app, ending)
            successors += more
            if outcome is not None and len(request.children) > children:
                outcome = replace(outcome, children=tuple(child.as_tuple() for child in request.children))
        if successors and not request.is_eager:
            successors = self._plugins.prepared(self.app, successors)
        reason = (end.reason or "failed") if end.verdict is Verdict.DEAD else ""
        return Transition(
            delivery=delivery, verdict=end.verdict, reason=reason, successors=successors,
            effects=effects if outcome is None else self._record.effects(outcome) + effects,
        )  # fmt: skip

    def _announce(self, task: Task[..., Any], request: Context, end: End, runtime: float) -> None:
        """Call the task's handlers, tell the plugins, log; a handler that fails keeps nobody from being told."""
        value = end.value
        if end.state == states.SUCCESS:
            self._handle(task, request, "on_success", (value,))
            if "task_success" in self._plugins.ears:
                self._tell("task_success", task, request, result=value, runtime=runtime)
            if log.isEnabledFor(logging.INFO):
                text = safe_text(value, repr)[: task.resultrepr_maxsize]
                log.info("task %s[%s] succeeded in %.6fs: %s", task.name, request.id, runtime, text)
            self._handle(task, request, "after_return", (end.state, value), (None,))
        elif end.state == states.FAILURE:
            einfo, is_rejected = ExceptionInfo(value), end.reason == "rejected"
            if not is_rejected:
                self._handle(task, request, "on_failure", (value,), (einfo,))
            self._tell("task_failure", task, request, exception=value, einfo=einfo)
            self._log_failure(task, request, end)
            if not is_rejected:
                self._handle(task, request, "after_return", (end.state, value), (None,))
        elif end.state == states.RETRY:
            einfo = ExceptionInfo(value)
            self._handle(task, request, "on_retry", (value.exc,), (einfo,))
            self._tell("task_retry", task, request, reason=value, einfo=einfo)
            log.info("task %s[%s]: %s", task.name, request.id, safe_text(value))
        else:
            log.info("task %s[%s] %s: %s", task.name, request.id, end.state.lower(), safe_text(value))

    def _handle(
        self, task: Task[..., Any], request: Context, handler: str, what: tuple[Any, ...], more: tuple[Any, ...] = ()
    ) -> None:
        if handler in task.handlers:
            try:
                getattr(task, handler)(*what, request.id, request.args, request.kwargs, *more)
            except Abandoned:
                raise
            except BaseException as error:  # noqa: BLE001  (its SystemExit too: the outcome is decided, and others are to run)
                self.handler_failed(task, request, error)

    def handler_failed(self, task: Task[..., Any], request: Context, error: BaseException) -> None:
        """What becomes of an error of a task's own handlers: it is logged."""
        log.error("a handler of task %s[%s] failed; its outcome stands", task.name, request.id, exc_info=error)

    def _log_failure(self, task: Task[..., Any], request: Context, end: End) -> None:
        is_expected = isinstance(end.value, task.throws)
        log.log(
            logging.INFO if is_expected else logging.ERROR,
            "task %s[%s] %s: %s%s",
            task.name,
            request.id,
            end.reason or ("raised, as expected" if is_expected else "raised"),
            safe_text(end.value, repr),
            "" if is_expected else "\n" + self._record.traceback(end.value),
        )

    def _tell(self, hook: str, task: Task[..., Any], request: Context, **details: Any) -> None:
        self._plugins.notify(hook, app=self.app, task=task, request=request, **details)
