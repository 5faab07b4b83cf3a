"""`kernelq.canvas`: signatures, to be imported from here or from `kernelq` itself."""

from .making import maybe_signature, signature, subtask
from .signature import Signature

__all__ = ["Signature", "maybe_signature", "signature", "subtask"]
