"""Making signatures: of tasks, of names, of their plain form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernelq import KernelQ

from .chain import chain
from .chord import chord
from .group import group
from .maps import chunks, xmap, xstarmap
from .signature import Signature

__all__ = ["chain", "chord", "chunks", "group", "maybe_signature", "signature", "subtask", "xmap", "xstarmap"]


def signature(varies: Any, *args: Any, **options: Any) -> Signature[Any]:
    """A signature of a task, of a task's name, of a signature's plain form; of a signature, a copy.

    For the first two: ``signature(task, args, kwargs, options=…, immutable=…, app=…)``; other keywords are options.
    """
    if isinstance(varies, Signature):
        return varies.clone()
    if isinstance(varies, Mapping):
        return Signature.from_dict(varies, app=options.get("app"))
    return Signature(varies, *args, **options)


subtask = signature


def maybe_signature(varies: Any, app: KernelQ | None = None, clone: bool = False) -> Signature[Any] | None:
    """The signature that `varies` is, or is the plain form of; with `clone` a copy. None stays None.

    A signature that has no app yet is given this one.
    """
    if varies is None:
        return None
    if not isinstance(varies, Signature):
        return signature(varies, app=app)
    found: Signature[Any] = varies.clone() if clone else varies
    if app is not None and found._app is None:
        found._app = app
    return found
