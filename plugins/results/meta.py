"""What a stored outcome says: its value or exception, its arguments, and all of it as a dict."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from kernelq.contracts import EXCEPTION_STATES, Message, Outcome, StashKey, decode_body
from kernelq.errors import ContentDisallowed

from .errors import RemoteTraceback
from .rebuild import rebuild

if TYPE_CHECKING:
    from kernelq import KernelQ

JSON = "application/json"

_ACCEPTED: StashKey[tuple[int, frozenset[str]]] = StashKey()
"""The generation of the settings, and the content types they accept."""


def value_of(app: KernelQ, outcome: Outcome) -> Any:
    """The value, the exception as an object, or a custom state's meta.

    Raises:
        ContentDisallowed: it was written by a serializer that is not accepted here; it was not decoded.
        SecurityError: the stored class of an exception is none.
    """
    value = None
    if outcome.value is not None:
        _check(app, outcome.id, outcome.content_type)
        value = app.serializer(outcome.content_type).loads(outcome.value)
    if outcome.state not in EXCEPTION_STATES:
        return value
    error = rebuild(value)
    if outcome.traceback and app.conf.task_remote_tracebacks:
        error.__cause__ = RemoteTraceback(outcome.traceback)
    return error


def arguments_of(app: KernelQ, outcome: Outcome) -> tuple[Any, Any]:
    """(args, kwargs) of the task, kept with `result_extended`; (None, None) without."""
    extra = outcome.extra
    if "body" not in extra:
        return None, None
    content_type = extra.get("content_type") or JSON
    _check(app, outcome.id, content_type)
    compression = extra.get("compression")
    message = Message(
        id=outcome.id, task=outcome.task or "", body=extra["body"], content_type=content_type, compression=compression
    )
    args, kwargs, _ = decode_body(app, message)
    return list(args), dict(kwargs)


def date_of(outcome: Outcome) -> datetime.datetime | None:
    """When the task ended, in UTC."""
    return None if outcome.done_at is None else datetime.datetime.fromtimestamp(outcome.done_at, datetime.UTC)


def meta_of(app: KernelQ, outcome: Outcome) -> dict[str, Any]:
    """An outcome as a dict, as `on_message` and ``app.backend.get_task_meta`` give it.

    task_id, status, result, traceback, children (as tuples), date_done (ISO 8601), reason; with `result_extended` name, args,
    kwargs, worker, retries, queue too, and stamps if there are any.
    """
    done = date_of(outcome)
    meta: dict[str, Any] = {
        "task_id": outcome.id,
        "status": outcome.state,
        "result": value_of(app, outcome),
        "traceback": outcome.traceback,
        "children": list(outcome.children),
        "date_done": None if done is None else done.isoformat(),
        "reason": outcome.reason,
    }
    if outcome.group_id is not None:
        meta["group_id"] = outcome.group_id
    if outcome.parent_id is not None:
        meta["parent_id"] = outcome.parent_id
    if outcome.extra:
        args, kwargs = arguments_of(app, outcome)
        meta.update(
            name=outcome.task,
            args=args,
            kwargs=kwargs,
            worker=outcome.worker,
            retries=outcome.retries,
            queue=outcome.extra.get("queue"),
        )
        if outcome.extra.get("stamps"):
            stamps = outcome.extra["stamps"]
            meta.update(stamps, stamped_headers=list(stamps))
    return meta


def _check(app: KernelQ, task_id: str, content_type: str) -> None:
    if content_type == JSON:
        return
    generation = app.conf.layers.generation
    kept = app.stash.get(_ACCEPTED, (-1, frozenset()))
    if kept[0] != generation:
        conf = app.conf
        # What this app writes itself it reads, so that `result_serializer` alone is enough.
        names = {*(conf.result_accept_content or conf.accept_content), conf.result_serializer, conf.task_serializer}
        types = (name if "/" in name else app.serializer(name).content_type for name in names)
        kept = app.stash[_ACCEPTED] = (generation, frozenset(types))
    if content_type not in kept[1]:
        raise ContentDisallowed(
            f"the result of task [{task_id}] is {content_type!r}, which is not accepted here; "
            "add it to the setting result_accept_content if you trust who writes results"
        )
