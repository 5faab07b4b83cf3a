"""Properties as bytes: AMQP's content header, written on the thread of whoever publishes.

pika writes no floats, which users' headers may hold, and writes on the connection's one thread.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

import pika  # type: ignore[import-untyped]  # pika marks itself as untyped
from kernelq.contracts import EncodeError

_pack_octet = struct.Struct("B").pack
_pack_flags = struct.Struct(">H").pack
_pack_length = struct.Struct(">I").pack
_pack_int = struct.Struct(">ci").pack
_pack_long = struct.Struct(">cq").pack
_pack_double = struct.Struct(">cd").pack
_pack_instant = struct.Struct(">Q").pack

SHORT, TABLE, OCTET, INSTANT = "short", "table", "octet", "instant"

FIELDS: Final = {
    "content_type": (15, SHORT),
    "content_encoding": (14, SHORT),
    "headers": (13, TABLE),
    "delivery_mode": (12, OCTET),
    "priority": (11, OCTET),
    "correlation_id": (10, SHORT),
    "reply_to": (9, SHORT),
    "expiration": (8, SHORT),
    "message_id": (7, SHORT),
    "timestamp": (6, INSTANT),
    "type": (5, SHORT),
    "user_id": (4, SHORT),
    "app_id": (3, SHORT),
    "cluster_id": (2, SHORT),
}
"""Property → (its bit, its form), in the order of the wire: AMQP 0-9-1, class basic."""


class Properties:
    """Properties written already; stands where pika expects its own. Raises `EncodeError` naming what cannot be sent."""

    __slots__ = ("_pieces",)

    INDEX = pika.BasicProperties.INDEX

    def __init__(self, properties: Mapping[str, Any]) -> None:
        flags = 0
        pieces: list[bytes] = []
        for name, (bit, form) in FIELDS.items():
            value = properties.get(name)
            if value is not None:
                flags |= 1 << bit
                pieces.append(_written(name, form, value))
        self._pieces = [_pack_flags(flags), *pieces]

    def encode(self) -> list[bytes]:
        """A new list, for pika writes in it."""
        return self._pieces[:]


def _written(name: str, form: str, value: Any) -> bytes:
    try:
        if form == SHORT:
            return _short(value)
        if form == TABLE:
            return _table(value, name)
        return _pack_octet(value) if form == OCTET else _pack_instant(int(value))
    except (struct.error, TypeError, AttributeError, ValueError) as error:
        raise EncodeError(f"the property {name!r} cannot be sent by AMQP: {error}, got {value!r:.100}", name) from error


def _short(text: str) -> bytes:
    raw = text.encode()
    if len(raw) > 255:
        raise ValueError(f"expected at most 255 bytes, got {len(raw)}")
    return _pack_octet(len(raw)) + raw


def _table(table: Mapping[str, Any], path: str) -> bytes:
    pieces = [_short(name) + _value(value, path, name) for name, value in table.items()]
    content = b"".join(pieces)
    return _pack_length(len(content)) + content


def _value(value: Any, path: str, name: object) -> bytes:
    """One field value: a letter for its type, then the value; the types are RabbitMQ's."""
    if value is None:
        return b"V"
    if isinstance(value, str):
        raw = value.encode()
        return b"S" + _pack_length(len(raw)) + raw
    if isinstance(value, bool):
        return b"t\x01" if value else b"t\x00"
    if isinstance(value, int):
        if -(2**31) <= value < 2**31:
            return _pack_int(b"I", value)
        if -(2**63) <= value < 2**63:
            return _pack_long(b"l", value)
    if isinstance(value, float):
        return _pack_double(b"d", value)
    path = f"{path}[{name!r}]"
    if isinstance(value, Mapping):
        return b"F" + _table(value, path)
    if isinstance(value, list | tuple):
        content = b"".join(_value(each, path, i) for i, each in enumerate(value))
        return b"A" + _pack_length(len(content)) + content
    if isinstance(value, bytes):
        return b"x" + _pack_length(len(value)) + value
    raise EncodeError(
        f"a header cannot be sent by AMQP: expected text, bytes, a number up to 64 bits, a list or a mapping at {path}, got {value!r:.100}",
        path,
    )
