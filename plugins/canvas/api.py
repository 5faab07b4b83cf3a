"""`kernelq.canvas`: signatures and what composes them, to be imported from here or from `kernelq` itself."""

from .chain import chain
from .chord import chord
from .group import group
from .making import maybe_signature, signature, subtask
from .maps import chunks, xmap, xstarmap
from .signature import Signature
from .stamping import StampingVisitor
from .store import ChordsNotSupported, store_of
from .sweeping import sweep

__all__ = [
    "ChordsNotSupported", "Signature", "StampingVisitor", "chain", "chord", "chunks", "group", "maybe_signature", "signature", "store_of", "subtask", "sweep", "xmap", "xstarmap",
]  # fmt: skip
