"""gzip by zlib."""

from __future__ import annotations

import zlib
from typing import ClassVar

from .stream import Reader, StreamCompressor

_EITHER = zlib.MAX_WBITS | 32
"""Reads the zlib format and gzip's."""


class GzipCompressor(StreamCompressor):
    """Writes the zlib format, as Celery does under both names, and reads gzip's too, which other clients write."""

    name: ClassVar[str] = "gzip"
    content_type: ClassVar[str] = "application/x-gzip"
    errors: ClassVar[tuple[type[Exception], ...]] = (zlib.error,)

    def compress(self, data: bytes) -> bytes:
        return zlib.compress(data)

    def reader(self) -> Reader:
        return zlib.decompressobj(_EITHER)
