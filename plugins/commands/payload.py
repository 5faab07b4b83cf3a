"""Reading what travels and what is stored, arguments and results, without running anything it may carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kernelq import KernelQError

from .output import cell, json_text

if TYPE_CHECKING:
    from kernelq import KernelQ

PREVIEW_BYTES = 128
"""How much of unreadable bytes is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A value read from `raw`, or why it could not be read."""

    raw: bytes
    value: Any = None
    problem: str | None = None

    def __str__(self) -> str:
        if self.problem is None:
            return json_text(self.value)
        return f"{self.problem}: {preview(self.raw)}"

    def as_json(self) -> Any:
        """The value, or an object with the problem and the beginning of the bytes in hexadecimal."""
        if self.problem is None:
            return self.value
        return {"problem": self.problem, "bytes": len(self.raw), "hex": self.raw[:PREVIEW_BYTES].hex()}


def read(app: KernelQ, content_type: str, raw: bytes) -> Payload:
    """Read bytes of a content type; one that may run code only if the app accepts it."""
    try:
        serializer = app.serializer(content_type)
        accepted = {*app.conf.accept_content, *(app.conf.result_accept_content or ())}
        if not serializer.is_trusted and not accepted & {serializer.name, serializer.content_type}:
            return Payload(raw=raw, problem=f"{content_type} is not in accept_content, so it was not read")
        return Payload(raw=raw, value=serializer.loads(raw))
    except KernelQError as error:
        return Payload(raw=raw, problem=str(error))


def preview(raw: bytes) -> str:
    """The beginning of bytes, in hexadecimal and as text: ``12 bytes 0b16 … 'text'``."""
    head = raw[:PREVIEW_BYTES]
    more = "…" if len(raw) > len(head) else ""
    return f"{len(raw)} bytes {head.hex(' ')}{more} {cell(ascii(head))}"
