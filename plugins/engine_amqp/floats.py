"""Floats as they are: pika reads those in headers as whole numbers, up to 1.4.4 at least.

A time limit of 2.5 s that a client sends would be 2, one of 0.5 s none. So pika's reader of values is given one
that knows better, once, when this module is imported; everything else pika reads itself.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from pika import data  # type: ignore[import-untyped]  # pika marks itself as untyped

_FORMS: Final = {b"d": struct.Struct(">d"), b"f": struct.Struct(">f")}

_read_value = data.decode_value


def read_value(encoded: bytes, offset: int) -> tuple[Any, int]:
    """The value at `offset`, and where the next one begins."""
    form = _FORMS.get(encoded[offset : offset + 1])
    if form is None:
        found: tuple[Any, int] = _read_value(encoded, offset)
        return found
    return form.unpack_from(encoded, offset + 1)[0], offset + 1 + form.size


data.decode_value = read_value
