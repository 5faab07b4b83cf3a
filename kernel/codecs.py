"""Serializers and compressors: values to bytes and back, and to fewer bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar


class Serializer(ABC):
    """Values to bytes and back. Made without arguments; thread-safe."""

    name: ClassVar[str]
    content_type: ClassVar[str]
    content_encoding: ClassVar[str] = "utf-8"
    is_trusted: ClassVar[bool] = True
    """False: reading may run code (pickle, yaml), so `accept_content` must name it."""

    @abstractmethod
    def dumps(self, value: Any) -> bytes:
        """Write a value.

        Raises:
            EncodeError: it cannot be written; `path` says which part, such as ``[0]['when']``.
        """

    @abstractmethod
    def loads(self, data: bytes) -> Any:
        """Read a value.

        Raises:
            DecodeError: these are not its bytes.
        """


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
