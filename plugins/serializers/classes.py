"""Enum members and dataclass instances as data: the class by name, and what it takes to make one.

Reading imports nothing and calls no ``__init__``. Names are looked up in the dictionaries of modules that
are imported already, past any ``__getattr__`` of a module, and count only for real enums and dataclasses.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from enum import Enum
from typing import Any

CLASS = "__class__"
"""The key of the class's name among the fields; no field can be called so."""


def is_dataclass_itself(cls: type) -> bool:
    """Whether the class was made by `dataclass`, not merely one above it."""
    return "__dataclass_fields__" in vars(cls)


def write_enum(member: Enum) -> dict[str, Any]:
    """A member by its name, or by its value if it has none of its own (a combination of flags)."""
    cls = type(member)
    path = _path_of(cls)
    if member.name in cls.__members__:
        return {CLASS: path, "name": member.name}
    return {CLASS: path, "value": member.value}


def read_enum(parts: dict[str, Any]) -> Enum:
    """The member that `write_enum` described."""
    cls: type[Enum] = _find(parts[CLASS], "an enum", lambda found: issubclass(found, Enum))
    return cls[parts["name"]] if "name" in parts else cls(parts["value"])


def write_dataclass(value: Any) -> dict[str, Any]:
    """Every field by its name, beside the class."""
    cls = type(value)
    return {CLASS: _path_of(cls), **{field.name: getattr(value, field.name) for field in fields(cls)}}


def read_dataclass(parts: dict[str, Any]) -> Any:
    """The instance that `write_dataclass` described; missing fields take their defaults.

    The fields are set directly: `__post_init__` has run where the object was made, and a second run
    could change it.
    """
    cls = _find(parts.pop(CLASS), "a dataclass", lambda found: hasattr(found, "__dataclass_fields__"))
    known = fields(cls)
    unknown = sorted(parts.keys() - {field.name for field in known})
    if unknown:
        raise ValueError(f"{_label(cls)} has no field {unknown[0]!r} here; its sender's code is another version")
    made = cls.__new__(cls)
    for field in known:
        object.__setattr__(made, field.name, parts[field.name] if field.name in parts else _default(cls, field))
    return made


def _default(cls: type, field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    if field.default_factory is not MISSING:
        return field.default_factory()
    raise ValueError(f"the field {field.name!r} of {_label(cls)} is missing and has no default")


def _path_of(cls: type) -> str:
    path = f"{cls.__module__}:{cls.__qualname__}"
    if _look_up(path) is not cls:
        raise ValueError(f"its class cannot be found as {path!r}; define it at the top level of a module")
    return path


def _find(path: str, what: str, is_right: Callable[[type], bool]) -> Any:
    found = _look_up(path)
    if found is None:
        module = path.partition(":")[0]
        state = "has no such class" if module in sys.modules else "is not imported here"
        raise ValueError(f"cannot make {path!r}: module {module!r} {state}")
    if not isinstance(found, type) or not is_right(found):
        raise ValueError(f"expected {what}, got {path!r}")
    return found


def _look_up(path: str) -> Any:
    module, _, names = path.partition(":")
    found: Any = sys.modules.get(module)
    for name in names.split("."):
        found = getattr(found, "__dict__", {}).get(name)
    return found


def _label(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
