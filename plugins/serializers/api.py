"""Serializers of your own, types of your own in JSON, and writing and reading without an app: `kernelq.serialization`.

    from kernelq.serialization import register, register_type

    register("cbor", cbor2.dumps, cbor2.loads, "application/cbor", content_encoding="binary")
    register_type(Money, "money", lambda money: [str(money.amount), money.currency], lambda pair: Money(*pair))

    app.conf.update(task_serializer="cbor", result_serializer="cbor", accept_content=["cbor", "json"])

What is registered counts for every app of this process. A plugin offers one by the entry-point group
``kernelq.serializers`` or the hook `make_serializer` instead.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from kernelq.contracts import Serializer, load_driver
from kernelq.errors import ContentDisallowed

from . import DRIVERS
from .registered import Decoder, Encoder, register, registered, unregister
from .tags import has_type, register_type

__all__ = ["Decoder", "Encoder", "dumps", "has_type", "loads", "register", "register_type", "unregister"]


def dumps(data: Any, serializer: str = "json") -> tuple[str, str, bytes]:
    """(content type, content encoding, bytes) of a value, by the serializer of a name or content type.

    Raises:
        EncodeError: it cannot be written; says which part.
        DriverNotFound: no such serializer is registered or installed.
    """
    found = _find(serializer)
    return found.content_type, found.content_encoding, found.dumps(data)


def loads(
    data: bytes | str, content_type: str, content_encoding: str = "utf-8", accept: Collection[str] | None = None
) -> Any:
    """The value that `dumps` wrote. `accept` are the names or content types that may be read; None: all that are trusted.

    Raises:
        ContentDisallowed: it is not among `accept`, or not trusted.
        DecodeError: these are not its bytes.
        DriverNotFound: no such serializer is registered or installed.
    """
    found = _find(content_type)
    if not (found.is_trusted if accept is None else not {found.name, found.content_type}.isdisjoint(accept)):
        accepted = "those that are trusted" if accept is None else ", ".join(accept) or "none"
        raise ContentDisallowed(f"content type {found.content_type!r} is not accepted here (accept: {accepted})")
    return found.loads(data.encode(content_encoding) if isinstance(data, str) else data)


def _find(name: str) -> Serializer:
    made: Serializer = registered(name) or load_driver("serializer", DRIVERS.get(name, name))()
    return made
