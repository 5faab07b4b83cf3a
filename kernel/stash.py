"""A typed place for plugins to keep private data on our objects: ``app.stash[KEY]``."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")
D = TypeVar("D")


class StashKey(Generic[T]):
    """The key to one value of type `T`; make one per plugin and thing, at module level."""

    __slots__ = ()


class Stash:
    """Values by `StashKey`; only who holds the key finds the value."""

    def __init__(self) -> None:
        self._values: dict[StashKey[Any], Any] = {}

    def __setitem__(self, key: StashKey[T], value: T) -> None:
        self._values[key] = value

    def __getitem__(self, key: StashKey[T]) -> T:
        return cast(T, self._values[key])

    def __delitem__(self, key: StashKey[T]) -> None:
        del self._values[key]

    def __contains__(self, key: StashKey[T]) -> bool:
        return key in self._values

    def get(self, key: StashKey[T], default: D) -> T | D:
        """The value, or `default`."""
        return cast(T, self._values[key]) if key in self._values else default

    def setdefault(self, key: StashKey[T], default: T) -> T:
        """The value; set to `default` first if there is none."""
        return cast(T, self._values.setdefault(key, default))
