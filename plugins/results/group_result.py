"""The results of a group: a set with an id, which can be saved and found again by it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, TypeVar

from kernelq import uuid
from kernelq.contracts import Backend, Outcome

from .errors import BackendStoreError, NotKept
from .result_set import ResultSet
from .tree import ResultBase, result_from_tuple
from .waiting import read

if TYPE_CHECKING:
    from kernelq import KernelQ

R = TypeVar("R")

GROUP = "GROUP"
"""The state a group is saved under; it may be saved again, as only a SUCCESS may not."""


class GroupResult(ResultSet[R]):
    """The results of a group of tasks, in the order of its tasks. Equal to another with the same id, parent and results, and to the id."""

    def __init__(
        self,
        id: str | None = None,
        results: Iterable[Any] | None = None,
        parent: ResultBase | None = None,
        *,
        app: KernelQ | None = None,
    ) -> None:
        super().__init__(results or (), app)
        self.id = id or uuid()
        if parent is not None:
            self.parent = parent

    def save(self, backend: Backend | None = None) -> None:
        """Keep it in the backend under its id, for `result_expires`; `restore` finds it again.

        Raises:
            NotKept: this backend keeps nothing.
        """
        backend = self.backend if backend is None else backend
        _check(backend, "save")
        serializer = self.app.serializer(self.app.conf.result_serializer)
        outcome = Outcome(
            id=self.id,
            state=GROUP,
            value=serializer.dumps({"result": self.__json__()}),
            content_type=serializer.content_type,
            ttl=self.app.conf.result_expires or None,
        )
        backend.apply([outcome])
        stored = read(self.app, backend, [self.id]).get(self.id)
        if stored is None or stored.state != GROUP:
            state = None if stored is None else stored.state
            raise BackendStoreError(
                f"the group {self.id} cannot be saved: a task has its id", state=state, task_id=self.id
            )

    @classmethod
    def restore(cls, id: str, backend: Backend | None = None, app: KernelQ | None = None) -> GroupResult[Any] | None:
        """The group that was saved under an id; None when there is none.

        Raises:
            NotKept: this backend keeps nothing.
        """
        app = app or cls._app
        if app is None:
            from kernelq import KernelQ

            app = KernelQ.current()
        backend = app.backend if backend is None else backend
        _check(backend, "restore")
        stored = read(app, backend, [id]).get(id)
        if stored is None or stored.state != GROUP or stored.value is None:
            return None
        found: GroupResult[Any] = result_from_tuple(
            app.serializer(stored.content_type).loads(stored.value)["result"], app
        )
        return found

    def delete(self, backend: Backend | None = None) -> None:
        """Drop it from the backend; the results of its tasks stay."""
        (self.backend if backend is None else backend).forget([self.id])

    def as_list(self) -> list[str]:
        """The ids: its own, its members', then its parents'."""
        own, *above = super().as_list()
        return [own, *(result.id for result in self.results), *above]

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        if isinstance(other, GroupResult):
            return (other.id, other.results, other.parent) == (self.id, self.results, self.parent)
        return other == self.id if isinstance(other, str) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    def __str__(self) -> str:
        return self.id

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.id} [{', '.join(result.id for result in self.results)}]>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (GroupResult, (self.id, self.results, self.parent))

    def __copy__(self) -> Self:
        return type(self)(self.id, self.results, self.parent, app=self._app)


def _check(backend: Backend, what: str) -> None:
    if backend.reply_to is not None:
        raise NotKept(
            f"cannot {what} a group with {type(backend).__name__}: it sends results to who asked and keeps none; use another result_backend"
        )
