"""Type tags: how values that JSON lacks travel, ``{"__type__": tag, "__value__": payload}``.

The tags of datetime, date, time, decimal, uuid, bytes and base64 and their payloads are kombu's
(``kombu.utils.json``), which is what Celery sends and reads; the others are ours.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar
from uuid import UUID

from kernelq.contracts import ImproperlyConfigured

from .classes import is_dataclass_itself, read_dataclass, read_enum, write_dataclass, write_enum

T = TypeVar("T")

TYPE = "__type__"
VALUE = "__value__"
TAG_KEYS = frozenset({TYPE, VALUE})

INT = "int"
DICT = "dict"

Encode = Callable[[Any], tuple[str | None, Any]]
"""A value to its tag and payload; the tag None puts the payload itself in the value's place."""

Decode = Callable[[Any], Any]

_PLAIN = frozenset({type(None), bool, int, float, str, bytes, list, dict})


def register_type(
    cls: type[T], tag: str | None, encode: Callable[[T], Any], decode: Callable[[Any], T] | None = None
) -> None:
    """Teach every serializer but pickle the class `cls` and its subclasses, under `tag`.

    `encode` gives a payload of types that are known; `decode` makes the object from it. Both sides must
    have registered it. With None as `tag` the payload itself travels and stays what it is, and there is no `decode`.
    Registering a class again replaces its functions; a built-in type that formats have no form of (datetime,
    Decimal, …) may be given another one. Call it while modules are imported.

    Raises:
        ImproperlyConfigured: the tag belongs to another class, or every format knows `cls` by itself.
    """
    if cls in _PLAIN:
        raise ImproperlyConfigured(f"cannot register {cls.__name__}: the formats write it as it is")
    if (tag is None) is not (decode is None):
        raise ImproperlyConfigured(f"cannot register {cls.__name__}: a tag and a decode function come together")
    if tag is not None and decode is not None:
        owner = _owners.get(tag, _name(cls))
        if owner != _name(cls):
            raise ImproperlyConfigured(f"the type tag {tag!r} belongs to {owner}, {_name(cls)} needs another one")
        _owners[tag] = _name(cls)
        _decoders[tag] = decode
    _encoders[cls] = lambda value: (tag, encode(value))


def has_type(cls: type) -> bool:
    """Whether this very class has a form, built in or registered."""
    return cls in _encoders or cls in _PLAIN


def encoder_for(kind: type) -> Encode | None:
    """What writes a value of class `kind`: the rule of the nearest class in its line that has one."""
    exact = _encoders.get(kind)
    if exact is not None:
        return exact
    for ancestor in kind.__mro__:
        if ancestor in _encoders:
            return _encoders[ancestor]
        if "__json__" in vars(ancestor):
            return lambda value: (None, value.__json__())
        # Members of an enum that mixes in a dataclass are made by the enum alone.
        if is_dataclass_itself(ancestor) and not issubclass(kind, Enum):
            return lambda value: ("dataclass", write_dataclass(value))
    return None


def decode(tag: Any, payload: Any) -> Any:
    """The value behind a tag.

    Raises:
        ValueError: nobody registered this tag.
        Exception: whatever the tag's decoder finds wrong with the payload.
    """
    decoder = _decoders.get(tag) if isinstance(tag, str) else None
    if decoder is None:
        raise ValueError(
            f"unknown type tag {tag!r}; it may need a register_type() in a module that is not imported here"
        )
    return decoder(payload)


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _write_bytes(value: bytes) -> tuple[str, str]:
    try:
        return "bytes", value.decode()
    except UnicodeDecodeError:
        return "base64", base64.b64encode(value).decode()


_encoders: dict[type, Encode] = {
    # Subclasses of what formats know, made into the very class; the classes themselves never come here.
    str: lambda value: (None, str.__str__(value)),
    int: lambda value: (None, int.__index__(value)),
    float: lambda value: (None, float.__float__(value)),
    list: lambda value: (None, list(value)),
    dict: lambda value: (None, dict(value)),
    bytes: lambda value: _write_bytes(value),
    bytearray: lambda value: (None, bytes(value)),
    memoryview: lambda value: (None, bytes(value)),
    tuple: lambda value: ("tuple", list(value)),
    set: lambda value: ("set", list(value)),
    frozenset: lambda value: ("frozenset", list(value)),
    datetime: lambda value: ("datetime", value.isoformat()),
    date: lambda value: ("date", value.isoformat()),
    time: lambda value: ("time", value.isoformat()),
    timedelta: lambda value: ("timedelta", [value.days, value.seconds, value.microseconds]),
    Decimal: lambda value: ("decimal", str(value)),
    UUID: lambda value: ("uuid", {"hex": value.hex, "version": value.version}),
    Enum: lambda value: ("enum", write_enum(value)),
}

_decoders: dict[str, Decode] = {
    "bytes": lambda text: text.encode(),
    "base64": lambda text: base64.b64decode(text, validate=True),
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "datetime": datetime.fromisoformat,
    # A Celery peer writes a date as the date alone and reads it by way of a datetime; so may others write it.
    "date": lambda text: datetime.fromisoformat(text).date(),
    "time": time.fromisoformat,
    "timedelta": lambda parts: timedelta(*parts),
    "decimal": Decimal,
    # Without the version, which would overwrite bits: the hexadecimal digits are the whole of it.
    "uuid": lambda parts: UUID(hex=parts["hex"]),
    "enum": read_enum,
    "dataclass": read_dataclass,
    # Hexadecimal, for reading it takes linear time; decimal digits take quadratic time.
    INT: lambda text: int(text, 16),
    # A dict of the user with just the keys of a tag, as its pairs.
    DICT: dict,
}

_owners = dict.fromkeys(_decoders, "kernelq")
"""Tag → name of the class it belongs to; a name, so that a reloaded module may register anew."""
