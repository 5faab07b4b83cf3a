"""Signals: what is published, received and run goes to the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernelq import signals

from .journal import plain, record
from .orders import total

RUNS = ("task_prerun", "task_postrun", "task_success", "task_failure", "task_retry")
RECEIVES = ("task_received", "task_revoked", "task_rejected", "task_unknown")
WORKER = (
    "celeryd_init", "celeryd_after_setup", "worker_init", "worker_ready", "worker_process_init",
    "worker_process_shutdown", "worker_shutting_down", "worker_shutdown",
)  # fmt: skip

HEADERS = (
    "id", "task", "root_id", "parent_id", "group", "retries", "shadow", "timelimit", "argsrepr", "kwargsrepr",
    "ignore_result", "replaced_task_nesting", "customer", "lang",
)  # fmt: skip


@signals.before_task_publish.connect
def add_origin(headers: dict[str, Any], properties: dict[str, Any], **rest: Any) -> None:
    """A header of our own on whatever is published; the task finds it in its request."""
    headers["shop"] = "Vienna"


@signals.before_task_publish.connect
def before_publish(sender: Any = None, body: Any = None, headers: Any = None, **rest: Any) -> None:
    head = {name: headers.get(name) for name in HEADERS}
    times = {name: type(headers.get(name)).__name__ for name in ("eta", "expires")}
    given = sorted(name for name in rest if name != "signal")
    record(
        "before_task_publish", id=headers["id"], retries=headers["retries"], sender=sender, body=body, headers=head,
        times=times, given=given, to=rest.get("routing_key"),
    )  # fmt: skip


@signals.after_task_publish.connect
def after_publish(sender: Any = None, body: Any = None, headers: Any = None, **rest: Any) -> None:
    given = sorted(name for name in rest if name != "signal")
    record(
        "after_task_publish", id=headers["id"], retries=headers["retries"], sender=sender, body=body, given=given,
        to=rest.get("routing_key"),
    )  # fmt: skip


@signals.task_success.connect(sender=total)
def total_was_made(sender: Any = None, result: Any = None, **rest: Any) -> None:
    record("total_was_made", id=sender.request.id, retries=sender.request.retries, sender=sender, result=result)


def _run(name: str) -> Callable[..., None]:
    def receiver(sender: Any = None, signal: Any = None, **given: Any) -> None:
        kinds: dict[str, str] = {key: type(given[key]).__name__ for key in ("runtime", "traceback") if key in given}
        given = {key: kinds[key] if key in kinds else plain(value) for key, value in given.items()}
        request = sender.request
        record(name, id=given.pop("task_id", request.id), retries=request.retries, sender=sender, given=given)

    return receiver


def _receive(name: str) -> Callable[..., None]:
    def receiver(sender: Any = None, signal: Any = None, request: Any = None, **given: Any) -> None:
        if request is None:
            record(name, id=given.get("id"), given=sorted(given))
        else:
            about = {key: getattr(request, key, "missing") for key in ("name", "task_name", "task_id", "root_id")}
            record(name, id=request.id, about=about if name == "task_received" else None, given=given)

    return receiver


def _worker(name: str) -> Callable[..., None]:
    def receiver(sender: Any = None, signal: Any = None, **given: Any) -> None:
        record(name, given=sorted(given))

    return receiver


for _names, _make in ((RUNS, _run), (RECEIVES, _receive), (WORKER, _worker)):
    for _name in _names:
        getattr(signals, _name).connect(_make(_name), weak=False)
