"""Letters: an outcome as the body of a reply, in the form of Celery's rpc backend, and back."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable
from typing import Any

import msgspec
from kernelq.contracts import READY_STATES, DecodeError, Outcome, pack_outcome, unpack_outcome
from msgspec.structs import replace

JSON = "application/json"
OURS = "kernelq"
"""The key of what Celery's form has no place for: the outcome without its value, packed."""


class _Meta(msgspec.Struct):
    """What is read of a reply; everything else in it is for others."""

    task_id: str
    status: str
    result: msgspec.Raw = msgspec.Raw(b"null")
    traceback: str | None = None
    children: list[Any] | None = None
    date_done: str | None = None
    parent_id: str | None = None
    group_id: str | None = None
    kernelq: str | None = None


_SEQUENCES = frozenset({"tuple", "set", "frozenset"})

_decoder = msgspec.json.Decoder(_Meta)


def write(outcome: Outcome) -> bytes:
    """The body of a reply. What only we can read of a value is there twice: as it is for us, and as JSON that Celery reads."""
    shown = _shown(outcome)
    kept = replace(outcome, reply_to=None, **({"value": None} if shown == outcome.value else {}))
    meta = {
        "task_id": outcome.id,
        "status": outcome.state,
        "result": msgspec.Raw(shown or b"null"),
        "traceback": outcome.traceback,
        "children": list(outcome.children),
        "date_done": None if outcome.done_at is None else _iso(outcome.done_at),
        "parent_id": outcome.parent_id,
        "group_id": outcome.group_id,
        OURS: base64.b64encode(pack_outcome(kept)).decode(),
    }
    return msgspec.json.encode(meta)


def read(body: bytes, content_type: str, loads: Callable[[str, bytes], Any]) -> Outcome:
    """The outcome of a reply; `loads(content_type, body)` reads other forms than JSON.

    Raises:
        DecodeError: it is no reply, or of a form that is not accepted.
    """
    try:
        meta = _decoder.decode(body) if content_type == JSON else _foreign(loads(content_type, body))
        if meta.kernelq is None:
            return _of_celery(meta)
        outcome = unpack_outcome(base64.b64decode(meta.kernelq))
    except (msgspec.MsgspecError, ValueError) as error:
        raise DecodeError(f"expected a reply of the rpc backend, got {body[:200]!r}: {error}") from error
    return replace(outcome, value=bytes(meta.result)) if outcome.value is None else outcome


def _of_celery(meta: _Meta) -> Outcome:
    return Outcome(
        id=meta.task_id,
        state=meta.status,
        value=bytes(meta.result),
        traceback=meta.traceback,
        children=tuple(meta.children or ()),
        parent_id=meta.parent_id,
        group_id=meta.group_id,
        done_at=_epoch(meta.date_done) if meta.status in READY_STATES else None,
    )


def _shown(outcome: Outcome) -> bytes | None:
    """The value as plain JSON or with kombu's type tags; nothing when it is not JSON."""
    if outcome.content_type != JSON or outcome.value is None:
        return None
    if b'"__type__"' not in outcome.value:
        return outcome.value
    return msgspec.json.encode(_without_our_tags(msgspec.json.decode(outcome.value)))


def _without_our_tags(value: Any) -> Any:
    """The value with lists in place of tuples and sets, as JSON has it without tags; kombu knows no tag for them."""
    if isinstance(value, list):
        return [_without_our_tags(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"__type__", "__value__"} and value["__type__"] in _SEQUENCES:
        return _without_our_tags(value["__value__"])
    return {name: _without_our_tags(each) for name, each in value.items()}


def _foreign(meta: Any) -> _Meta:
    """A reply of another serializer; its result becomes JSON, if it can be."""
    return _decoder.decode(msgspec.json.encode(meta))


def _iso(instant: float) -> str:
    return datetime.datetime.fromtimestamp(instant, datetime.UTC).isoformat()


def _epoch(text: str | None) -> float | None:
    if text is None:
        return None
    moment = datetime.datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
