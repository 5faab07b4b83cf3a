"""`kernelq.canvas`: signatures and what composes them, to be imported from here or from `kernelq` itself."""

from .chain import chain
from .chord import chord
from .group import group
from .making import maybe_signature, signature, subtask
from .maps import chunks, xmap, xstarmap
from .signature import Signature
from .stamping import StampingVisitor

__all__ = [
    "Signature", "StampingVisitor", "chain", "chord", "chunks", "group", "maybe_signature", "signature", "subtask", "xmap", "xstarmap",
]  # fmt: skip
