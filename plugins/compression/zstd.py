"""Zstandard: Python's own from 3.14 on, its backport before."""

from __future__ import annotations

import sys
from typing import ClassVar

from . import MEMORY
from .stream import Reader, StreamCompressor

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_OPTIONS: dict[int, int] = {zstd.DecompressionParameter.window_log_max: MEMORY.bit_length() - 1}


class ZstdCompressor(StreamCompressor):
    """Faster than gzip and smaller."""

    name: ClassVar[str] = "zstd"
    content_type: ClassVar[str] = "application/zstd"
    errors: ClassVar[tuple[type[Exception], ...]] = (zstd.ZstdError,)

    def compress(self, data: bytes) -> bytes:
        return zstd.compress(data)

    def reader(self) -> Reader:
        return zstd.ZstdDecompressor(options=_OPTIONS)
