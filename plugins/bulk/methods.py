"""What this plugin adds to the app and to tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from kernelq import AsyncResult

    from .bulk import Bulk

P = ParamSpec("P")
R = TypeVar("R")


class AppMethods:
    """Attributes of every app, found by the entry points ``KernelQ.<name>``."""

    def bulk(self: Any, size: int = 2000) -> Bulk:
        """A block whose calls are published `size` at a time: ``with app.bulk() as bulk: bulk.delay(task, 1, 2)``."""
        from .bulk import Bulk

        return Bulk(self, size)


class TaskMethods(Generic[P, R]):
    """Attributes of every task, found by the entry points ``Task.<name>``."""

    def send_many(
        self: Any, calls: Iterable[Sequence[Any] | Mapping[str, Any]], *, size: int = 2000, **options: Any
    ) -> list[AsyncResult[R]]:
        """Call the task once for each item of `calls`, `size` messages a round trip; the results, in order.

        An item is the arguments (tuple or list), or a mapping of ``args``, ``kwargs`` and options of its own, which win over
        `options`; those are as of `apply_async`. Not for a stream: it gives a list. Use `app.bulk` there.

        Raises:
            NotAccepted: the broker did not take some; says which.
            TypeError, EncodeError: an item is no call of this task; those before it are sent.
        """
        from .bulk import Bulk

        results: list[AsyncResult[R]] = []
        with Bulk(self.app, size) as bulk:
            for call in calls:
                if isinstance(call, Mapping):
                    results.append(bulk.apply_async(self, **{**options, **call}))
                elif isinstance(call, tuple | list):
                    results.append(bulk.apply_async(self, call, **options))
                else:
                    raise TypeError(
                        f"expected each call of {self.name} as a tuple or list of arguments, or a mapping with args "
                        f"and kwargs, got {call!r} as number {len(results)}"
                    )
        return results
