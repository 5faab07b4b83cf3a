"""Pickle: any Python object, between processes that trust each other."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import Any, ClassVar

from kernelq.contracts import DecodeError, EncodeError, Serializer

PROTOCOL = 5
"""What every supported Python reads and writes; higher ones need not be known to an older peer."""


class PickleSerializer(Serializer):
    """Takes almost anything, and runs whatever code the bytes name when read: never from strangers."""

    name: ClassVar[str] = "pickle"
    content_type: ClassVar[str] = "application/x-python-serialize"
    content_encoding: ClassVar[str] = "binary"
    is_trusted: ClassVar[bool] = False

    def dumps(self, value: Any) -> bytes:
        try:
            return pickle.dumps(value, PROTOCOL)
        except Exception as error:
            # Objects pickle themselves by code of their own, which may raise anything.
            path, culprit = _blame(value)
            place = f" at {path}" if path else ""
            raise EncodeError(f"cannot pickle {type(culprit).__qualname__}{place}: {error}", path) from error

    def loads(self, data: bytes) -> Any:
        try:
            return pickle.loads(data)
        except Exception as error:
            # Damaged bytes make pickle raise nearly every error there is, and so may the objects it makes.
            raise DecodeError(f"not a pickle that can be read here: {error!r}") from error


def _blame(value: Any) -> tuple[str, Any]:
    """The innermost part of lists, tuples and dicts that cannot be pickled by itself, and its path."""
    path = ""
    part = _bad_part(value)
    while part is not None:
        step, value = part
        path += f"[{step!r}]"
        # A container that holds itself would be followed for ever.
        part = _bad_part(value) if len(path) < 200 else None
    return path, value


def _bad_part(value: Any) -> tuple[Any, Any] | None:
    parts: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list | tuple):
        parts = enumerate(value)
    return next((part for part in parts if not _is_picklable(part[1])), None)


def _is_picklable(value: Any) -> bool:
    try:
        pickle.dumps(value, PROTOCOL)
    except Exception:  # noqa: BLE001  (see dumps; the error is told there)
        return False
    return True
