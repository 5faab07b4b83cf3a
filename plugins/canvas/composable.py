"""What signatures do with one another: they are composed, compared, and stamped together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar, cast

from .options import as_lists

if TYPE_CHECKING:
    from .signature import Signature
    from .stamping import StampingVisitor

R = TypeVar("R")
V = TypeVar("V")


class Composable(dict[str, Any], Generic[R]):
    """A dict that is a call, see `Signature`."""

    def __or__(self, other: Signature[V]) -> Signature[V]:  # type: ignore[override]  # not of dicts
        """`other` after this one, completed by its value; both stay as they are."""
        if not isinstance(other, Composable):
            raise _refused(other)
        from .composing import grown

        return cast("Signature[V]", grown(cast(Any, self).clone(), other.clone()))

    def __ior__(self, other: Signature[V]) -> Signature[V]:  # type: ignore[override]  # not of dicts
        return cast("Signature[V]", self | other)

    def __ror__(self, other: Any) -> NoReturn:
        raise _refused(other)

    def __eq__(self, other: object) -> bool:
        # Lists and tuples are the same here: the one becomes the other on its way.
        return isinstance(other, Mapping) and (dict.__eq__(self, other) or as_lists(self) == as_lists(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # as a dict

    def stamp(self, visitor: StampingVisitor | None = None, append_stamps: bool = False, **stamps: Any) -> Self:
        """Give it, what it is made of and its links these stamps and those of `visitor`, in place; they travel with the messages.

        A stamp that is there is replaced, or with `append_stamps` becomes a list, the new value first.
        """
        from .stamping import stamp

        stamp(cast(Any, self), visitor, append_stamps, stamps)
        return self

    def stamp_links(self, visitor: StampingVisitor | None, append_stamps: bool = False, **stamps: Any) -> None:
        """Stamp only what it links."""
        from .stamping import stamp_links

        stamp_links(cast(Any, self), visitor, append_stamps, stamps)


def _refused(other: Any) -> TypeError:
    # Raised, for by NotImplemented two dicts would be merged.
    return TypeError(
        f"unsupported operand for |: {type(other).__name__!r} is no signature (task.s() makes one, signature(…) makes one of a dict)"
    )
