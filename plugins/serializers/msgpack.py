"""msgpack by msgspec, with the type tags of JSON for what msgpack lacks."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from kernelq.contracts import DecodeError, Serializer

from .form import Form
from .restore import MAX_DEPTH, refuse_depth, restore

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

_ATOMS: frozenset[type] = frozenset({str, int, float, bool, bytes, type(None)})
_FORM = Form(name="msgpack", atoms=_ATOMS, keys=_ATOMS, ints=range(-(2**63), 2**64))


class MsgpackSerializer(Serializer):
    """Smaller than JSON, and bytes travel as they are. NaN and infinities are numbers here."""

    name: ClassVar[str] = "msgpack"
    content_type: ClassVar[str] = "application/x-msgpack"
    content_encoding: ClassVar[str] = "binary"

    def dumps(self, value: Any) -> bytes:
        try:
            if _FORM.is_plain(value):
                return _encode(value)
        except (ValueError, OverflowError, RecursionError):
            pass  # a huge int or a lone surrogate: `write` has a form for the one and names the place of the other
        return _FORM.write(value, _encode)

    def loads(self, data: bytes) -> Any:
        try:
            value = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DecodeError(f"not msgpack: {error}") from error
        if b"__type__" in data:
            return restore(value)
        # Every level takes a byte at least, so short data needs no look.
        if len(data) > MAX_DEPTH:
            refuse_depth(value)
        return value
