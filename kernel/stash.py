"""A typed place for plugins to keep private data on our objects: ``app.stash[KEY]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

T = TypeVar("T")
D = TypeVar("D")


class StashKey(Generic[T]):
    """The key to one value of type `T`; make one per plugin and thing, at module level."""

    __slots__ = ()


class Stash(dict[StashKey[Any], Any]):
    """Values by `StashKey`; only who holds the key finds the value."""

    if TYPE_CHECKING:  # what a dict does, with the type the key tells

        def __getitem__(self, key: StashKey[T]) -> T: ...
        def setdefault(self, key: StashKey[T], default: T) -> T: ...  # type: ignore[override]
        def get(self, key: StashKey[T], default: D) -> T | D: ...  # type: ignore[override]
