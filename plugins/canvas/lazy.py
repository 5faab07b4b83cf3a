"""Members that are not made before somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar, overload

T = TypeVar("T")
U = TypeVar("U")

KEPT = 5000
"""Items that are kept of those that only pass by: some megabytes of signatures."""


class Lazy(Sequence[T]):
    """A sequence drawn from an iterator, item by item, when it is looked at; what was drawn is kept. Not thread-safe.

    After `pass_by` it is kept only as long as there are no more than `kept` items: who starts a hundred thousand tasks does
    not hold them all, and who starts a few may do so again. What was let go raises `RuntimeError` when it is looked at again.
    What the iterator raised is raised again whenever somebody looks as far: an iterator that raised seems to be at its end.
    """

    def __init__(self, source: Iterable[T], kept: int = KEPT) -> None:
        self._source = iter(source)
        self._drawn: list[T] = []
        self._gone = 0
        """Items drawn before the first of these, and let go."""
        self._kept: int | None = None
        """How many items at most; None while all are kept."""
        self._most = kept
        self._error: Exception | None = None
        """What the source raised."""
        self._above: Lazy[Any] | None = None

    def map(self, function: Callable[[T], U], kept: int = KEPT) -> Lazy[U]:
        """What `function` makes of the items, lazy too."""
        made = Lazy(map(function, self), kept)
        made._above = self
        return made

    def pass_by(self) -> Iterator[T]:
        """The items, to be looked at once."""
        lazy: Lazy[Any] | None = self
        while lazy is not None:  # those that it is made of must let go, too
            lazy._kept = lazy._most
            lazy = lazy._above
        return iter(self)

    def __iter__(self) -> Iterator[T]:
        place = 0
        while True:
            if place < self._gone:
                raise self._spent()
            if place - self._gone < len(self._drawn):
                place += 1
                yield self._drawn[place - 1 - self._gone]
            else:
                for item in self._rest():
                    self._keep(item)
                    place += 1
                    yield item
                    if place < self._gone + len(self._drawn):
                        break  # somebody else drew meanwhile
                else:
                    return

    def _rest(self) -> Iterator[T]:
        # Not by `yield from`: who stops half-way would close the source by that.
        while True:
            if self._error is not None:
                raise self._error
            try:
                item = next(self._source)
            except StopIteration:
                return
            except Exception as error:
                self._error = error
                raise
            yield item

    def _keep(self, item: T) -> None:
        if self._kept is not None and (self._gone or len(self._drawn) >= self._kept):
            self._gone += len(self._drawn) + 1
            self._drawn.clear()
        else:
            self._drawn.append(item)

    def _all(self) -> list[T]:
        if self._gone:
            raise self._spent()
        self._drawn.extend(self._rest())
        return self._drawn

    def _spent(self) -> RuntimeError:
        return RuntimeError(
            f"these members came from a generator and were started already; of more than {self._most:,} none is kept: "
            "make the group of a list to use it again"
        )

    def __bool__(self) -> bool:
        return bool(self._gone or self._drawn) or next(iter(self), self) is not self

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
