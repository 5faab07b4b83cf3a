"""Members that are not made before somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar, overload

T = TypeVar("T")
U = TypeVar("U")


class Lazy(Sequence[T]):
    """A sequence drawn from an iterator, item by item, when it is looked at; what was drawn is kept. Not thread-safe."""

    def __init__(self, source: Iterable[T]) -> None:
        self._source = iter(source)
        self._drawn: list[T] = []

    def map(self, function: Callable[[T], U]) -> Lazy[U]:
        """What `function` makes of the items, lazy too."""
        return Lazy(map(function, self))

    def __iter__(self) -> Iterator[T]:
        place = 0
        while place < len(self._drawn) or self._draw():
            yield self._drawn[place]
            place += 1

    def _draw(self) -> bool:
        for item in self._source:
            self._drawn.append(item)
            return True
        return False

    def _all(self) -> list[T]:
        self._drawn.extend(self._source)
        return self._drawn

    def __bool__(self) -> bool:
        return bool(self._drawn) or self._draw()

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...

    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        return self._all()[place]

    def __eq__(self, other: object) -> bool:
        return self._all() == list(other) if isinstance(other, list | tuple | Lazy) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as a list

    def __repr__(self) -> str:
        return "<lazy>"

    def __json__(self) -> list[T]:
        return self._all()

    def __reduce__(self) -> tuple[Any, ...]:
        return (list, (self._all(),))
