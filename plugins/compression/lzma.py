"""LZMA in the xz format, by lzma."""

from __future__ import annotations

import lzma
from typing import ClassVar

from . import MEMORY
from .stream import Reader, StreamCompressor


class LzmaCompressor(StreamCompressor):
    """The smallest of those that come with Python, and by far the slowest to write."""

    name: ClassVar[str] = "lzma"
    content_type: ClassVar[str] = "application/x-lzma"
    errors: ClassVar[tuple[type[Exception], ...]] = (lzma.LZMAError,)

    def compress(self, data: bytes) -> bytes:
        return lzma.compress(data)

    def reader(self) -> Reader:
        return lzma.LZMADecompressor(memlimit=MEMORY)
