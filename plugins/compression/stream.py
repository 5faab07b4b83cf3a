"""What the compressors share: reading a stream up to a limit."""

from __future__ import annotations

import sys
from abc import abstractmethod
from typing import ClassVar, Protocol

from kernelq.contracts import Compressor, DecodeError


class Reader(Protocol):
    """Reads one stream, as those of the standard library do."""

    @property
    def eof(self) -> bool:
        """Whether its end was seen."""

    @property
    def unused_data(self) -> bytes:
        """What came after its end."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Up to `max_length` bytes of what was compressed."""


class StreamCompressor(Compressor):
    """A compressor whose library reads streams piece by piece."""

    name: ClassVar[str]
    errors: ClassVar[tuple[type[Exception], ...]]
    """What its readers raise for bytes that are not theirs."""

    @abstractmethod
    def reader(self) -> Reader:
        """A reader of one stream."""

    def decompress(self, data: bytes, limit: int) -> bytes:
        reader = self.reader()
        # One byte more than allowed: who has got that far would go on, who has not is at the end.
        most = min(limit, sys.maxsize - 1) + 1
        try:
            made = reader.decompress(data, most)
        except self.errors as error:
            raise DecodeError(f"not {self.name} data: {error}") from error
        if len(made) > limit:
            raise too_large(self.name, limit)
        if not reader.eof:
            raise truncated(self.name)
        if reader.unused_data:
            raise DecodeError(f"not {self.name} data: {len(reader.unused_data):,} bytes after its end")
        return made


def too_large(name: str, limit: int) -> DecodeError:
    """The error of data that would grow beyond the limit."""
    return DecodeError(f"{name} data that would grow beyond {limit:,} bytes (setting task_max_size)")


def truncated(name: str) -> DecodeError:
    """The error of data whose end is missing."""
    return DecodeError(f"not {name} data: it ends too soon")
