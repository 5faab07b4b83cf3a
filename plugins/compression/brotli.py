"""Brotli, by the library of its authors."""

from __future__ import annotations

from typing import ClassVar

import brotli  # type: ignore[import-untyped]  # comes without types
from kernelq.contracts import Compressor, DecodeError

from .stream import too_large, truncated

QUALITY = 5
"""Of 11: that one takes a hundred times as long for a quarter less (measured: 160 KB of JSON, 3 ms and 276 ms)."""

_STEP_BYTES = 1024 * 1024
"""It makes up to twice what it is asked for, so it is asked for a little at a time."""


class BrotliCompressor(Compressor):
    """About as small as bzip2 in a fraction of its time."""

    content_type: ClassVar[str] = "application/x-brotli"

    def compress(self, data: bytes) -> bytes:
        return bytes(brotli.compress(data, quality=QUALITY))

    def decompress(self, data: bytes, limit: int) -> bytes:
        reader, size = brotli.Decompressor(), 0
        parts: list[bytes] = []
        try:
            while not reader.is_finished():
                part = reader.process(data, output_buffer_limit=min(limit - size + 1, _STEP_BYTES))
                size += len(part)
                if size > limit:
                    raise too_large("brotli", limit)
                if not part and not reader.is_finished():
                    raise truncated("brotli")
                parts.append(part)
                data = b""  # it has taken all of it
        except brotli.error as error:
            raise DecodeError(f"not brotli data: {error}") from error
        return b"".join(parts)
