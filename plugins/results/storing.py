"""Storing a state outside the end of a run: by hand, or by a running task of itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kernelq.contracts import Backend, BackendUnavailable, Context, Message, Outcome, Recorder
from msgspec.structs import replace

from .errors import BackendStoreError
from .waiting import pauses, read

if TYPE_CHECKING:
    from kernelq import KernelQ


def of_run(app: KernelQ, request: Context, message: Message, state: str, value: Any) -> Outcome:
    """The outcome of a running task, from itself."""
    claims = request.delivery.fence if request.delivery is not None else 0
    children = tuple(child.as_tuple() for child in request.children)
    return Recorder(app, request.hostname).make(message, claims, state, value, children=children)


def by_hand(app: KernelQ, backend: Backend, task_id: str, state: str, value: Any) -> Outcome:
    """The outcome of a task, from somebody else; its fence is that of what is stored, so that it takes its place."""
    made = Recorder(app, None).make(Message(id=task_id, task="", body=b""), 0, state, value)
    stored = read(app, backend, [task_id]).get(task_id)
    if stored is None:
        return replace(made, task=None, reply_to=backend.reply_to)
    return replace(
        made,
        task=stored.task,
        fence=stored.fence,
        retries=stored.retries,
        extra=stored.extra,
        reply_to=stored.reply_to or backend.reply_to,
    )


def store(app: KernelQ, backend: Backend, outcome: Outcome) -> None:
    """Store an outcome, tried again as the settings say.

    Raises:
        BackendUnavailable: the backend is away, and `result_backend_always_retry` is off.
        BackendStoreError: it is away still after every retry.
    """
    tries = pauses(app)
    while True:
        try:
            backend.apply([outcome])
            return
        except BackendUnavailable as error:
            pause = next(tries, None)
            if pause is not None:
                time.sleep(pause)
            elif app.conf.result_backend_always_retry:
                raise BackendStoreError(
                    f"the state {outcome.state} of task [{outcome.id}] could not be stored: {error}",
                    state=outcome.state,
                    task_id=outcome.id,
                ) from error
            else:
                raise
