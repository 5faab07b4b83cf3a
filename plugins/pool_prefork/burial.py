"""Burial: settling what a dead consumer held, each delivery as its task ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from kernelq import KernelQ, Task
from kernelq.contracts import (
    FAILURE,
    Admit,
    Delivery,
    Effect,
    ExceptionInfo,
    Message,
    Recorder,
    Settler,
    TimeLimitExceeded,
    Transition,
    Verdict,
    WorkerLostError,
    decode_body,
)
from kernelq.pools import Fate, PoolHost

log = logging.getLogger("kernelq.worker")


def bury(host: PoolHost, consumer_id: str, running: Mapping[str, Fate]) -> None:
    """Settle all that the dead consumer `consumer_id` held.

    `running` tells by message key what it was running and how that ended; everything else is given back
    uncharged. The deliveries are taken over under an id of their own first, so a ghost of the dead can settle nothing.
    """
    app, hostname = host.app, host.hostname
    admit = Admit(app, hostname)
    consumer = app.broker.consumer((), id=host.new_consumer_id(-1), lease=app.conf.worker_lease)
    try:
        deliveries = consumer.take_over(consumer_id)
        transitions = [_transition(app, admit, delivery, running) for delivery in deliveries]
        settler = Settler(app, consumer)
        settler.settle(transitions)
        found = {delivery.message.key for delivery in deliveries if isinstance(delivery.message, Message)}
        lost = {key: fate for key, fate in running.items() if fate.acked and key not in found}
        if lost and app.backend_url:
            settler.detached((), [_lost_effect(app, hostname, key, fate) for key, fate in lost.items()])
    finally:
        consumer.close()


def _transition(app: KernelQ, admit: Admit, delivery: Delivery, running: Mapping[str, Fate]) -> Transition:
    message = delivery.message
    fate = running.get(message.key) if isinstance(message, Message) else None
    if fate is None or not isinstance(message, Message):
        return Transition(delivery=delivery, verdict=Verdict.REQUEUE)
    if fate.reason != "timed_out":
        # Charged; how often is too often is judged when it is handed out again.
        return Transition(delivery=delivery, verdict=Verdict.CRASHED)
    task = app.tasks.get(message.task)
    if task is not None and not task.option("acks_on_timeout"):
        return Transition(delivery=delivery, verdict=Verdict.REQUEUE)
    error = TimeLimitExceeded(f"the hard time limit of {fate.limit:g} s passed")
    transition = admit.end(delivery, message, FAILURE, error, "timed_out")
    if task is not None and "on_failure" in task.handlers:
        _call_handler(app, task, message, error)
    return transition


def _call_handler(app: KernelQ, task: Task[..., Any], message: Message, error: Exception) -> None:
    """Tell the task itself, here in the supervisor: its process is gone."""
    try:
        args, kwargs, _ = decode_body(app, message)
        task.on_failure(error, message.id, args, kwargs, ExceptionInfo(error))
    except Exception:  # users' code, which must not end the supervisor
        log.exception("on_failure of task %s[%s] failed; its outcome stands", task.name, message.id)


def _lost_effect(app: KernelQ, hostname: str, key: str, fate: Fate) -> Effect:
    """The failure of a task that was acknowledged before it ran: nobody will run it again."""
    task_id, _, rest = key.partition(":")
    retries = int(rest.partition(":")[2] or 0)
    if fate.reason == "timed_out":
        error: Exception = TimeLimitExceeded(f"the hard time limit of {fate.limit:g} s passed")
    else:
        error = WorkerLostError(f"the process running the task died ({fate.detail}); it was acknowledged before it ran")
    message = Message(id=task_id, task="a task", body=b"", retries=retries)
    outcome = Recorder(app, hostname).make(message, 1, FAILURE, error, fate.reason)
    return Effect(app.backend, outcome)
