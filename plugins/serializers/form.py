"""Writing: the plain form, with tags, that a value takes for one format."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from kernelq.contracts import EncodeError

from .restore import CONTAINERS, MAX_DEPTH
from .tags import DICT, INT, TAG_KEYS, TYPE, VALUE, encoder_for

PATH_STEPS = 12
"""So many steps of a path are shown; a deeper place is shown by its beginning."""

PLAIN = "pass plain data, or see kernelq.serialization.register_type"
MODEL = (
    "a model travels as an argument or return value that is annotated with its class, of a task with pydantic=True; "
    "elsewhere pass model_dump(mode='json')"
)
"""What to do about an object of a class nobody knows, and about a model of pydantic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What one format can write by itself; all else is tagged."""

    name: str
    atoms: frozenset[type]
    """Scalars it writes as they are. Without float, floats are written if they are finite."""
    keys: frozenset[type]
    """Types of keys it keeps; other numbers, bool and None become text as in JSON."""
    ints: range
    """The ints it writes as they are."""

    def is_plain(self, value: Any, depth: int = MAX_DEPTH) -> bool:
        """Whether `value` can be written as it is: the quick look before `write`, one call a container.

        Ints out of range and lone surrogates pass here; the format's own writer stumbles over them.
        """
        kind = type(value)
        if kind is dict:
            if TYPE in value:
                return False
            for key in value:
                if type(key) is not str:
                    return False
            items: Iterable[Any] = value.values()
        elif kind is list:
            items = value
        else:
            return kind in self.atoms
        for item in items:
            kind = type(item)
            if kind in self.atoms:
                continue
            if kind is dict or kind is list:
                if depth > 1 and (not item or self.is_plain(item, depth - 1)):
                    continue
            elif kind is float and isfinite(item):
                continue
            return False
        return True

    def write(self, value: Any, encode: Callable[[Any], bytes]) -> bytes:
        """The bytes that `encode` makes of a copy of `value` with tags for what the format lacks.

        Raises:
            EncodeError: names the place and the type of what has no form.
        """
        try:
            return encode(self._prepare(value, 1))
        except _Refused as refused:
            raise refused.as_error() from refused.__cause__
        except RecursionError as error:
            raise EncodeError("cannot serialise a value so deeply nested this deep in the stack") from error

    def _prepare(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return _text(value)
        if kind is int and value not in self.ints:
            return {TYPE: INT, VALUE: hex(value)}
        if kind in self.atoms:
            return value
        if kind is float:
            return self._number(value)
        if depth > MAX_DEPTH:
            raise _Refused(_label(kind), f"nested deeper than {MAX_DEPTH} levels, or inside itself")
        if kind is list:
            return self._list(value, depth)
        if kind is dict and value.keys() != TAG_KEYS:
            return self._dict(value, depth)
        return self._tagged(value, depth)

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        prepared: list[Any] = []
        for item in value:
            try:
                prepared.append(self._prepare(item, depth + 1))
            except _Refused as refused:
                refused.steps.append(len(prepared))
                raise
        return prepared

    def _dict(self, value: dict[Any, Any], depth: int) -> dict[Any, Any]:
        prepared = {}
        for key, item in value.items():
            name = self._key(key)
            if name in prepared:
                raise _Refused(f"the key {key!r}", f"another key is written {name!r} too")
            try:
                prepared[name] = self._prepare(item, depth + 1)
            except _Refused as refused:
                refused.steps.append(key)
                raise
        return prepared

    def _tagged(self, value: Any, depth: int) -> Any:
        tag, payload = _encode(value)
        if tag is not None:
            return {TYPE: tag, VALUE: self._prepare(payload, depth + 1)}
        # Anything but a container counts as a level, so that a __json__ that returns itself comes to an end.
        return self._prepare(payload, depth if type(payload) in CONTAINERS else depth + 1)

    def _key(self, key: Any) -> Any:
        if isinstance(key, str):
            return _text(str.__str__(key))
        if isinstance(key, int) and not isinstance(key, bool):
            key = int.__index__(key)
            if key not in self.ints:
                raise _Refused("a key of type int", f"out of range for {self.name}")
        elif isinstance(key, float):
            key = float.__float__(key)
        if type(key) in self.keys:
            return key
        if key is None:
            return "null"
        if isinstance(key, bool):
            return "true" if key else "false"
        if isinstance(key, int | float):
            return repr(self._number(key))
        raise _Refused(f"a key of type {_label(type(key))}", "keys are strings, numbers, bool or None")

    def _number(self, value: float) -> float:
        if not isfinite(value):
            raise _Refused(repr(value), f"{self.name} has no such number; pass None or text")
        return value


class _Refused(Exception):
    """A value without a form; `steps` lead to it, the innermost first."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what, why)
        self.what = what
        self.why = why
        self.steps: list[Any] = []

    def as_error(self) -> EncodeError:
        steps = [f"[{step!r}]" for step in reversed(self.steps)]
        path = "".join(steps[:PATH_STEPS]) + ("…" if len(steps) > PATH_STEPS else "")
        place = f" at {path}" if path else ""
        return EncodeError(f"cannot serialise {self.what}{place}: {self.why}", path)


def _encode(value: Any) -> tuple[str | None, Any]:
    kind = type(value)
    if kind is dict:
        # It has just the keys of a tag and would be read as one; as pairs it is not.
        return DICT, [list(pair) for pair in value.items()]
    encoder = encoder_for(kind)
    if encoder is None:
        raise _Refused(_label(kind), MODEL if hasattr(kind, "model_dump") else PLAIN)
    try:
        return encoder(value)
    except Exception as error:
        # Users' own code (__json__, register_type) may raise anything.
        raise _Refused(_label(kind), str(error) if type(error) is ValueError else repr(error)) from error


def _text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise _Refused("str", "it holds a lone surrogate, which UTF-8 lacks") from error
    return value


def _label(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
