"""JSON by msgspec, with Celery's type tags."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from kernelq.contracts import DecodeError, Serializer

from .form import Form
from .restore import MAX_DEPTH, refuse_depth, restore

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

_FORM = Form(
    name="JSON",
    atoms=frozenset({str, int, bool, type(None)}),
    keys=frozenset({str}),
    # Python can be set to write no more than 640 digits (sys.set_int_max_str_digits); 2**2048 has 617.
    ints=range(-(2**2048), 2**2048),
)


class JsonSerializer(Serializer):
    """The default: every language reads it, and so does a Celery peer. See the plugin's page for types."""

    name: ClassVar[str] = "json"
    content_type: ClassVar[str] = "application/json"

    def dumps(self, value: Any) -> bytes:
        try:
            if _FORM.is_plain(value):
                return _encode(value)
        except (ValueError, RecursionError):
            pass  # a huge int or a lone surrogate: `write` has a form for the one and names the place of the other
        return _FORM.write(value, _encode)

    def loads(self, data: bytes) -> Any:
        try:
            value = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DecodeError(f"not JSON: {error}") from error
        if b'"__type__"' in data:
            return restore(value)
        # Nothing is deeper than it has brackets, and counting them costs next to nothing.
        if data.count(b"[") + data.count(b"{") > MAX_DEPTH:
            refuse_depth(value)
        return value
