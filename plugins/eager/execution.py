"""Execution in place: the kernel's executor, with neither a broker nor (unless asked for) a backend behind it."""

from __future__ import annotations

import socket
from functools import cache
from typing import TYPE_CHECKING, Any

from kernelq.contracts import Admit, Context, Delivery, Executor, Message, Outcome, Recorder, Transition

if TYPE_CHECKING:
    from kernelq import KernelQ, Task
    from kernelq.contracts import Effect


@cache
def nodename() -> str:
    """The name this machine has in requests and results."""
    return socket.gethostname()


class AdmitHere(Admit):
    """Admits what was called here: it is neither late, nor unknown, nor repeated."""

    def __init__(self, app: KernelQ, task: Task[..., Any], extra: dict[str, Any]) -> None:
        super().__init__(app, nodename())
        self._task = task
        self._extra = extra

    def __call__(self, delivery: Delivery) -> tuple[Task[..., Any], Context]:
        """The task and its request; raises what is wrong with the message."""
        message = delivery.message
        assert isinstance(message, Message)
        args, kwargs, embed = self._decode(message)
        request = Context(message, args, kwargs, embed, delivery=delivery, hostname=self._hostname)
        about = {**request.delivery_info, "is_eager": True}
        request.is_eager = True
        vars(request).update(self._extra, delivery_info=about)
        return self._task, request


class RecordHere(Recorder):
    """Makes outcomes as a worker does, and stores them only if asked to."""

    last: Outcome | None = None
    """What would be stored of the attempt that ended last; None: nothing would be."""

    def __init__(self, app: KernelQ, task: Task[..., Any]) -> None:
        super().__init__(app, nodename())
        own = getattr(task, "store_eager_result", None)
        self._is_stored: bool = app.conf.task_store_eager_result if own is None else bool(own)

    def outcome(
        self, task: Task[..., Any], request: Context, state: str, value: Any, reason: str | None = None
    ) -> Outcome | None:
        self.last = None
        self.last = super().outcome(task, request, state, value, reason)
        return self.last

    def effects(self, outcome: Outcome | None) -> tuple[Effect, ...]:
        return super().effects(outcome) if self._is_stored else ()

    def state(self, request: Context, message: Message, state: str, meta: Any) -> None:
        if self._is_stored:
            super().state(request, message, state, meta)


class Commits:
    """The executor's committer: stores what there is to store, and keeps what is to run next."""

    def __init__(self) -> None:
        self.successors: tuple[Message, ...] = ()

    def commit(self, transition: Transition) -> bool:
        self.commit_detached(transition)
        return True

    def commit_detached(self, transition: Transition) -> None:
        self.successors += transition.successors
        for effect in transition.effects:
            self.successors += tuple(effect.store.apply([effect.op]))

    def mark_started(self, delivery: Delivery) -> None:
        """Nothing here dies alone."""


class ExecutorHere(Executor):
    """Runs one call of `task` and its retries; `extra` are further attributes of its requests."""

    def __init__(self, app: KernelQ, task: Task[..., Any], extra: dict[str, Any]) -> None:
        self.commits = Commits()
        super().__init__(app, nodename(), self.commits)
        self._admit = AdmitHere(app, task, extra)
        self._record = self.record = RecordHere(app, task)
        self.broken: BaseException | None = None
        """What a handler of the task raised after its end."""

    def handler_failed(self, task: Task[..., Any], request: Context, error: BaseException) -> None:
        self.broken = error  # raised when all of this run is done, to who called it
