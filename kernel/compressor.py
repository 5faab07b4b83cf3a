"""Compressors: bytes to fewer bytes and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar


class Compressor(ABC):
    """Bytes to fewer bytes and back. Made without arguments; thread-safe."""

    content_type: ClassVar[str]
    """What stands in the message (`Message.compression`), such as ``application/x-gzip``."""

    @abstractmethod
    def compress(self, data: bytes) -> bytes:
        """Make it smaller."""

    @abstractmethod
    def decompress(self, data: bytes, limit: int) -> bytes:
        """What was compressed; stops before it makes more than `limit` bytes, however few `data` has.

        Raises:
            DecodeError: these are not its bytes, or they would grow beyond `limit`.
        """
