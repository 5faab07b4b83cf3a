"""Envelopes: a message as AMQP carries it, and back; and what has happened to it, which travels in a header of ours.

Body, properties and headers are those of the task message protocol 2, so that a Celery worker or client can sit on the
other side. The header ``kernelq`` is a table of what that protocol has no place for; `Record` is its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from kernelq.contracts import Message, Undecodable
from kernelq.protocol import apply_headers, headers_of
from msgspec.structs import asdict, replace

OURS = "kernelq"
"""The header of ours."""
TO = "kernelq-to"
"""The header that says in which queue a message ends that comes out of a delay or a hold."""
WAITED = "kernelq-waited"
"""The header that says that the server keeps a message until its eta: no other clock need be asked."""
MARK = "kernelq-mark"
"""The header by which a consumer knows the marked copy it waits for."""

_OF_ONE_COPY = frozenset(
    {TO, WAITED, MARK, "x-death", "x-delivery-count", "x-acquired-count"}
    | {f"x-{which}-death-{what}" for which in ("first", "last") for what in ("reason", "queue", "exchange")}
)
"""Headers that say something of this copy only, and are no part of the message."""
_COUNTS = ("x-delivery-count", "x-acquired-count")
"""Headers in which quorum queues count, before RabbitMQ 4 and since."""
_PROPERTIES = frozenset(
    {"content_type", "content_encoding", "delivery_mode", "priority", "correlation_id", "reply_to", "expiration",
     "message_id", "timestamp", "type", "user_id", "app_id", "cluster_id"}
)  # fmt: skip
_NOT_ITS_OWN = _OF_ONE_COPY | {OURS, "compression"}
PERSISTENT = 2


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What has happened to a message up to this copy of it."""

    fence: int = 0
    """Hand-outs of the copies before this one."""
    crashes: int = 0
    suspect: bool = False
    started: bool = False
    """This copy is kept in a hold queue, and its task has begun."""
    queue: str = ""
    """Where it belongs, when it is somewhere else."""
    exchange: str = ""
    routing_key: str = ""
    sent_at: float | None = None
    chord: str | None = None
    properties: dict[str, Any] = {}
    dead: dict[str, Any] | None = None
    """Of a dead letter: reason, died_at, ref."""


NEW = Record()


def headers_and_properties(message: Message, record: Record = NEW) -> dict[str, Any]:
    """The properties of a message, headers among them."""
    headers, properties = headers_of(message)
    record = replace(
        record,
        exchange=message.exchange,
        routing_key=message.routing_key,
        sent_at=message.sent_at,
        chord=message.chord,
        properties=message.properties,
    )
    headers[OURS] = _table(record)
    if message.compression is not None:
        headers["compression"] = message.compression
    return {
        "delivery_mode": PERSISTENT,
        **{name: value for name, value in properties.items() if name in _PROPERTIES},
        "headers": headers,
        "content_type": message.content_type,
        "content_encoding": message.content_encoding,
    }


def again(properties: Mapping[str, Any], record: Record, **headers: Any) -> dict[str, Any]:
    """The properties of another copy of what was received with these: as they came, but for what happened meanwhile."""
    kept = {name: value for name, value in (properties["headers"] or {}).items() if name not in _OF_ONE_COPY}
    before = record_of(properties)
    record = replace(
        record,
        exchange=before.exchange,
        routing_key=before.routing_key,
        sent_at=before.sent_at,
        chord=before.chord,
        properties=before.properties,
    )
    return {**properties, "headers": {**kept, OURS: _table(record), **headers}, "delivery_mode": PERSISTENT}


def received(properties: Any) -> dict[str, Any]:
    """Properties as the engine gives them, by name."""
    fields: dict[str, Any] = properties.fields
    return fields


def record_of(properties: Mapping[str, Any]) -> Record:
    """What the header of ours says; an unreadable one says nothing."""
    try:
        return msgspec.convert(properties["headers"].get(OURS) or {}, Record)
    except msgspec.ValidationError:
        return NEW


def times_given_back(properties: Mapping[str, Any], *, is_redelivered: bool) -> int:
    """How often, at least, this copy was handed out before."""
    headers = properties["headers"]
    most = int(is_redelivered)
    for name in _COUNTS:
        count = headers.get(name)
        if isinstance(count, int) and count > most:
            most = count
    return most


def has_expired_in_hold(properties: Mapping[str, Any]) -> bool:
    """Whether this copy came out of a hold queue by itself: whoever had begun with it has died."""
    return bool(properties["headers"].get("x-death")) and record_of(properties).started


def read(
    body: bytes, properties: Mapping[str, Any], *, queue: str, exchange: str, routing_key: str
) -> Message | Undecodable:
    """The message; never raises: what cannot be read comes back as `Undecodable` with the body."""
    headers = properties["headers"]
    is_foreign = OURS not in headers
    if not isinstance(headers.get("task"), str) or not isinstance(headers.get("id"), str):
        return Undecodable(body, "no task message of protocol 2: its headers have no 'task' and 'id'")
    record = record_of(properties)
    if is_foreign and exchange:
        record = replace(record, exchange=exchange, routing_key=routing_key)
    message = Message(
        id=headers["id"],
        task=headers["task"],
        body=body,
        content_type=properties["content_type"] or "application/json",
        content_encoding=properties["content_encoding"] or "utf-8",
        compression=headers.get("compression"),
        queue=queue,
        exchange=record.exchange,
        routing_key=record.routing_key,
        sent_at=record.sent_at,
        chord=record.chord,
    )
    own = dict(headers)
    for name in _NOT_ITS_OWN.intersection(own):
        del own[name]
    try:
        message = apply_headers(
            message, own, {**record.properties, "reply_to": properties["reply_to"], "priority": properties["priority"]}
        )
        return msgspec.convert(asdict(message), Message) if is_foreign else message
    except (ValueError, TypeError, AttributeError) as error:
        return Undecodable(body, f"headers that break the task message protocol: {error}")


def ident_of(properties: Mapping[str, Any]) -> str:
    """What tells a message from others, before it is read."""
    headers = properties["headers"]
    return f"{headers.get('id')}:{headers.get('replaced_task_nesting')}:{headers.get('retries')}"


def _table(record: Record) -> dict[str, Any]:
    table: dict[str, Any] = msgspec.to_builtins(record)
    return table
