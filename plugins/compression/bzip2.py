"""bzip2 by bz2."""

from __future__ import annotations

import bz2
from typing import ClassVar

from .stream import Reader, StreamCompressor


class Bzip2Compressor(StreamCompressor):
    """Smaller and slower than gzip."""

    name: ClassVar[str] = "bzip2"
    content_type: ClassVar[str] = "application/x-bz2"
    errors: ClassVar[tuple[type[Exception], ...]] = (OSError,)

    def compress(self, data: bytes) -> bytes:
        return bz2.compress(data)

    def reader(self) -> Reader:
        return bz2.BZ2Decompressor()
