"""The gate: what publishes and runs go through as soon as an app has a task that is queued once; a plugin of its own."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from kernelq import KernelQ, hookimpl
from kernelq.contracts import Admission, BackendError, BackendUnavailable, BrokerUnavailable, Message, decode_body
from msgspec.structs import replace

from .at_run import AtRun
from .claiming import claim
from .contract import Claim, Keep, Release
from .ending import hear, life_of, taken_over
from .errors import AlreadyQueued
from .mark import HEADER, Mark, erase, mark_for, mark_of, marked, stamp, unclaimed
from .parts import part_of
from .rule import REPLACING, is_once, rule_of
from .running import Renewal
from .store import lock_store
from .superseding import Order, take_place

if TYPE_CHECKING:
    from kernelq import Context, Task, Worker
    from kernelq.contracts import Ending

log = logging.getLogger("kernelq.once")

PROVISIONAL: Final = 15.0
"""Seconds a claim lasts before its message is accepted, should its publisher die in between."""

CLEANUP_EVERY: Final = 600.0
"""Seconds between two cleanings of claims that have ended by themselves."""


def watch(app: KernelQ, task: Task[..., Any]) -> None:
    """Have the calls and runs of a task go through the gate."""
    hear(app)
    part_of(app, "gate", partial(Gate, app))
    if rule_of(task).policy in REPLACING:
        # Apart: whoever wraps the calls of tasks makes all of them slower.
        part_of(app, "order", Order)


class Gate:
    """Claims for messages that are published, and looks after those claims until the task ends."""

    def __init__(self, app: KernelQ) -> None:
        self._renewal = Renewal(app)

    # --- the publishing side

    @hookimpl(trylast=True)  # others may change the queue
    def before_task_publish(self, app: KernelQ, message: Message) -> Message | None:
        """Write the key into the message; of one that takes over from a task, hand its claim on."""
        handed = taken_over(message)
        if handed is not None:
            return marked(message, handed)
        task = app.tasks.get(message.task)
        header = message.headers.get(HEADER)
        if task is None or not is_once(task) or (isinstance(header, dict) and "token" in header):
            return None
        mark = mark_for(app, message, task)
        if mark.policy == "debounce":
            message = replace(message, eta=max(message.eta or 0.0, app.publisher.now() + mark.period))
        return marked(message, mark)

    @hookimpl(trylast=True)  # what others refuse is to claim nothing
    def admit(self, app: KernelQ, message: Message) -> Admission | None:
        """Claim the message's key, or refuse it in favour of who holds that."""
        mark = unclaimed(message)
        if mark is None:
            return None
        store = lock_store(app)
        ttl, queue = _at_first(app, message, mark)
        wanted = Claim(key=mark.key, token=message.id, task=message.task, ttl=ttl, queue=queue)
        try:
            if mark.policy in REPLACING:
                stamp(message, follows=take_place(store, wanted))
                return None
            holder = claim(app, store, wanted)
        except BackendUnavailable as error:
            raise BrokerUnavailable(f"cannot claim {mark.key} for a call of {message.task}: {error}") from error
        if holder is None:
            stamp(message)
            return None
        refusal = AlreadyQueued(max(holder.remaining, 0.0), holder.token, mark.key)
        if mark.policy == "return_existing" and not _is_awaited(app, message):
            return Admission.refuse(holder.token)
        return Admission.refuse(holder.token, refusal)

    @hookimpl
    def after_task_publish(self, app: KernelQ, message: Message) -> None:
        """The message is there: from now on the claim lives as long as that."""
        mark = mark_of(message)
        if mark is None or mark.policy == "throttle" or mark.session or message.retries or message.replaced:
            return
        ttl, queue = life_of(app, message, mark)
        lock_store(app).apply([Keep(mark.key, message.id, ttl, queue)])

    @hookimpl(wrapper=True)
    def publish_failed(
        self, app: KernelQ, messages: Sequence[Message], retry_policy: Mapping[str, Any]
    ) -> Generator[None, Any, Any]:
        """What was claimed for messages that nobody accepts is free at once."""
        claimed = [(message, mark) for message in messages if (mark := mark_of(message)) is not None]
        if not claimed:
            return (yield)
        first = [(message, mark) for message, mark in claimed if not message.retries and not message.replaced]
        patience = retry_policy.get("timeout") if retry_policy.get("max_retries") != 0 else 0.0
        if patience != 0.0:
            _try(app, [Keep(mark.key, message.id, PROVISIONAL + (patience or mark.timeout)) for message, mark in first if mark.policy != "throttle"])  # fmt: skip
        try:
            is_accepted = yield
        except BaseException:  # it goes on; what failed, or was interrupted, holds no key
            _give_back(app, first)
            raise
        if not is_accepted:
            _give_back(app, first)
        return is_accepted

    # --- the worker's side

    @hookimpl
    def worker_ready(self, worker: Worker) -> None:
        """Forget now and then what has ended by itself."""
        app = worker.app
        worker.keeper.chore(CLEANUP_EVERY, lambda: lock_store(app).cleanup())

    @hookimpl
    def task_prerun(self, app: KernelQ, task: Task[..., Any], request: Context) -> None:
        """Free the key of a task that holds it only while it waits; have others kept where no message does that."""
        message = request.message
        mark = None if message is None else mark_of(message)
        if message is None or mark is None:
            if is_once(task) and not request.is_eager:
                part_of(app, "at_run", partial(AtRun, self._renewal))
        elif mark.policy == "throttle":
            return
        elif mark.unlock_before_run:
            lock_store(app).apply([Release(mark.key, message.id)])
        else:
            self._renewal.see_to(task, message, mark)

    @hookimpl
    def advance(self, ending: Ending) -> None:
        """Keep it no more: its end says what becomes of it, and a renewal that came after that would undo it."""
        if HEADER in ending.message.headers:
            self._renewal.end(ending.message.id)

    @hookimpl
    def task_postrun(self, request: Context) -> None:
        """The same for an end that is no end of an attempt."""
        if request.message is not None and HEADER in request.message.headers:
            self._renewal.end(request.message.id)


def _at_first(app: KernelQ, message: Message, mark: Mark) -> tuple[float, str]:
    """How long a claim lasts while its message is not accepted yet, and the queue it depends on."""
    if mark.policy == "throttle":
        return mark.period, ""
    if mark.session:  # nobody tells when that is committed, and until then its tables may be locked
        return life_of(app, message, mark)
    return PROVISIONAL, ""


def _is_awaited(app: KernelQ, message: Message) -> bool:
    """Whether something follows from this very message, so that another task's result cannot stand for its own."""
    if message.chord is not None or message.group is not None:
        return True
    _, _, embed = decode_body(app, message)
    return any(embed.get(name) for name in ("callbacks", "chain"))


def _give_back(app: KernelQ, claimed: Sequence[tuple[Message, Mark]]) -> None:
    _try(app, [Release(mark.key, message.id) for message, mark in claimed])
    for message, _ in claimed:
        erase(message)


def _try(app: KernelQ, ops: Sequence[Release | Keep]) -> None:
    try:
        lock_store(app).apply(ops)
    except BackendError as error:
        log.warning("claims are left to end by themselves: %s", error)
