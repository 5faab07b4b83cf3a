"""The result of a task that ran here and now, without a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from kernelq.contracts import PROPAGATE_STATES, REVOKED, SUCCESS, Outcome
from kernelq.errors import TaskRevokedError

from .errors import UnknownStoredError
from .result import AsyncResult

if TYPE_CHECKING:
    from kernelq import KernelQ

R = TypeVar("R")


class EagerResult(AsyncResult[R]):
    """What a task that was run on the spot returned or raised. It is ready from the beginning; no backend is asked."""

    supports_native_join = False
    is_stored = False

    def __init__(
        self,
        id: str | None,
        ret_value: Any,
        state: str,
        traceback: str | None = None,
        name: str | None = None,
        *,
        app: KernelQ | None = None,
    ) -> None:
        super().__init__(id, task_name=name, app=app)
        self._value = ret_value
        self.final = Outcome(id=self.id, state=state, traceback=traceback, task=name)

    @property
    def outcome(self) -> Outcome | None:
        return self.final

    @property
    def children(self) -> list[Any]:
        return []

    def ready(self) -> bool:
        """Always: even a run that asked to be retried will not go on."""
        return True

    def value(self, found: Outcome) -> Any:
        return self._value

    def meta(self, found: Outcome) -> dict[str, Any]:
        return {
            "task_id": self.id,
            "status": found.state,
            "result": self._value,
            "traceback": found.traceback,
            "children": [],
            "date_done": None,
            "reason": None,
        }

    def _end(self, propagate: bool, above: Any, callback: Any) -> R:
        state, value = self.state, self._value
        if state in PROPAGATE_STATES:
            if propagate:
                self.throw(value if isinstance(value, BaseException) else UnknownStoredError(value))
        elif state != SUCCESS:
            value = None
        if callback is not None:
            callback(self.id, value)
        return value  # type: ignore[no-any-return]  # what the task returned

    def forget(self) -> None:
        """Nothing is stored."""

    def revoke(self, *args: Any, **kwargs: Any) -> None:
        """Let `get` raise `TaskRevokedError` from now on."""
        self._value = TaskRevokedError("revoked")
        self.final = Outcome(id=self.id, state=REVOKED, task=self.task_name)

    def __reduce__(self) -> tuple[Any, ...]:
        return (EagerResult, (self.id, self._value, self.state, self.traceback, self.task_name))
