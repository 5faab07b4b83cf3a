"""Task message protocol version 2: a `Message` as the headers and properties Celery documents, and back."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from kernelq.contracts import Message
from msgspec.structs import replace

_SAME = ("task", "id", "root_id", "parent_id", "group", "group_index", "shadow", "retries", "argsrepr", "kwargsrepr", "origin", "ignore_result")  # fmt: skip
"""Headers that are fields of the same name."""

_OURS = frozenset({*_SAME, "lang", "eta", "expires", "timelimit", "replaced_task_nesting", "stamped_headers", "stamps"})


def headers_of(message: Message) -> tuple[dict[str, Any], dict[str, Any]]:
    """(headers, properties) of a message; the caller's own headers are merged at the top level."""
    headers: dict[str, Any] = {"lang": "py", **{name: getattr(message, name) for name in _SAME}}
    headers["root_id"] = message.root_id or message.id
    headers["eta"] = _iso(message.eta)
    headers["expires"] = _iso(message.expires)
    headers["timelimit"] = list(message.timelimit or (None, None))
    headers["replaced_task_nesting"] = message.replaced
    headers["stamped_headers"] = list(message.stamped_headers) or None
    headers["stamps"] = dict(message.stamps)
    headers.update(message.headers)
    properties = {
        "correlation_id": message.id,
        "reply_to": message.reply_to,
        "priority": message.priority,
        **message.properties,
    }
    return headers, properties


def apply_headers(message: Message, headers: Mapping[str, Any], properties: Mapping[str, Any]) -> Message:
    """The message with what was changed in its headers and properties; unknown headers become its own."""
    changes: dict[str, Any] = {name: headers.get(name) for name in _SAME if name in headers}
    if message.root_id is None and changes.get("root_id") == message.id:
        changes["root_id"] = None  # a root needs no other id
    changes["eta"] = _epoch(headers.get("eta"))
    changes["expires"] = _epoch(headers.get("expires"))
    hard, soft = headers.get("timelimit") or (None, None)
    changes["timelimit"] = None if hard is None and soft is None else (hard, soft)
    changes["replaced"] = headers.get("replaced_task_nesting") or 0
    changes["stamped_headers"] = tuple(headers.get("stamped_headers") or ())
    changes["stamps"] = dict(headers.get("stamps") or {})
    changes["headers"] = {name: value for name, value in headers.items() if name not in _OURS}
    changes["reply_to"] = properties.get("reply_to")
    changes["priority"] = properties.get("priority") or 0
    known = ("correlation_id", "reply_to", "priority")
    changes["properties"] = {name: value for name, value in properties.items() if name not in known}
    return replace(message, **changes)


def _iso(instant: float | None) -> str | None:
    return None if instant is None else datetime.datetime.fromtimestamp(instant, datetime.UTC).isoformat()


def _epoch(text: str | None) -> float | None:
    if text is None:
        return None
    moment = datetime.datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
