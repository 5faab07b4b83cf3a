"""Properties from bytes: AMQP's content header, read in one pass.

pika reads each value through a function and a chain of comparisons, which takes longer than running a small task does.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any

from .floats import read_value as read_rare
from .properties import FIELDS, OCTET, SHORT, TABLE

_length = struct.Struct(">I").unpack_from
_int = struct.Struct(">i").unpack_from
_long = struct.Struct(">q").unpack_from
_double = struct.Struct(">d").unpack_from
_flags = struct.Struct(">H").unpack_from
_instant = struct.Struct(">Q").unpack_from

_ABSENT: dict[str, Any] = dict.fromkeys(FIELDS)
_TEXT, _NONE, _INT, _BOOL, _TABLE, _LIST, _DOUBLE, _LONG = b"SVItFAdl"


class ReceivedProperties:
    """Basic properties that came: attributes by their names, None for those that did not; `fields` has all of them."""

    __slots__ = ("fields",)

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    def __getattr__(self, name: str) -> Any:
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(name) from None


def read_properties(data: bytes, at: int) -> dict[str, Any]:
    """All basic properties by name, those that are not there as None; ``headers`` are a dict always.

    What cannot be read has no headers, so it is a message of nobody. pika ends the connection over it, and
    the next one, for the server sends it again.
    """
    fields = _ABSENT.copy()
    try:
        _fill(fields, data, at)
    except Exception:  # noqa: BLE001  (whatever bytes that make no sense lead to)
        fields["headers"] = None
    fields["headers"] = fields["headers"] or {}
    return fields


def read_table(data: bytes, at: int) -> tuple[dict[str, Any], int]:
    """The table at `at`, and where what follows it begins."""
    end = at + 4 + _length(data, at)[0]
    at += 4
    table: dict[str, Any] = {}
    while at < end:
        begin = at + 1
        at = begin + data[at]
        name = data[begin:at].decode()
        kind = data[at]
        if kind == _TEXT:
            begin = at + 5
            at = begin + _length(data, at + 1)[0]
            table[name] = _text(data[begin:at])
        elif kind == _NONE:
            at += 1
            table[name] = None
        else:
            table[name], at = _value(data, at)
    return table, at


def _fill(fields: dict[str, Any], data: bytes, at: int) -> None:
    (flags,) = _flags(data, at)
    at += 2
    for name, form in _present(flags):
        if form is SHORT:
            begin = at + 1
            at = begin + data[at]
            fields[name] = _text(data[begin:at])
        elif form is TABLE:
            fields[name], at = read_table(data, at)
        elif form is OCTET:
            fields[name] = data[at]
            at += 1
        else:
            (fields[name],) = _instant(data, at)
            at += 8


@lru_cache(maxsize=256)
def _present(flags: int) -> list[tuple[str, str]]:
    return [(name, form) for name, (bit, form) in FIELDS.items() if flags >> bit & 1]


def _value(data: bytes, at: int) -> tuple[Any, int]:
    """The value at `at`, which begins with the letter of its type, and where what follows it begins."""
    kind = data[at]
    at += 1
    if kind == _INT:
        return _int(data, at)[0], at + 4
    if kind == _BOOL:
        return data[at] != 0, at + 1
    if kind == _TABLE:
        return read_table(data, at)
    if kind == _LIST:
        return _list(data, at)
    if kind == _NONE:
        return None, at
    if kind == _TEXT:
        begin = at + 4
        at = begin + _length(data, at)[0]
        return _text(data[begin:at]), at
    if kind == _DOUBLE:
        return _double(data, at)[0], at + 8
    if kind == _LONG:
        return _long(data, at)[0], at + 8
    return read_rare(data, at - 1)


def _list(data: bytes, at: int) -> tuple[list[Any], int]:
    end = at + 4 + _length(data, at)[0]
    at += 4
    values = []
    while at < end:
        value, at = _value(data, at)
        values.append(value)
    return values, at


def _text(raw: bytes) -> Any:
    """Text; bytes where it is none, as pika has it."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw
