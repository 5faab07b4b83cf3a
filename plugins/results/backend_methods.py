"""What code that works with a result backend by hand, a plugin or a migration, asks of ``app.backend``.

Each is an attribute of every `Backend`, found by the entry points ``Backend.<name>``; what a driver itself must do is
in the contract.
"""

from __future__ import annotations

from typing import Any

from kernelq import Context, KernelQ
from kernelq.contracts import FAILURE, PENDING, RETRY, REVOKED, STARTED, SUCCESS
from kernelq.errors import TaskRevokedError
from msgspec.structs import replace

from .errors import NotKept
from .group_result import GroupResult
from .meta import meta_of
from .storing import by_hand, of_run, store
from .tree import result_from_tuple
from .waiting import read


class BackendMethods:
    """Attributes of every result backend. `request` is that of a running task; without one a state is stored by hand."""

    supports_native_join = True

    # --- storing

    def store_result(
        self: Any,
        task_id: str,
        result: Any,
        state: str,
        traceback: str | None = None,
        request: Context | None = None,
        **options: Any,
    ) -> Any:
        """Store a state with its value, or an exception as one; returns the value. Nothing replaces a SUCCESS.

        Raises:
            EncodeError: the value cannot be serialised.
            BackendUnavailable: the backend is away, and `result_backend_always_retry` is off.
            BackendStoreError: it is away still after every retry.
        """
        app = _app_of(self)
        if request is None or request.message is None:
            outcome = by_hand(app, self, task_id, state, result)
        else:
            outcome = of_run(app, request, request.message, state, result)
        if traceback is not None:
            outcome = replace(outcome, traceback=str(traceback))
        store(app, self, outcome)
        return result

    def mark_as_started(self: Any, task_id: str, **meta: Any) -> Any:
        """Store STARTED with `meta`."""
        return self.store_result(task_id, meta, STARTED)

    def mark_as_done(
        self: Any,
        task_id: str,
        result: Any,
        request: Context | None = None,
        store_result: bool = True,
        state: str = SUCCESS,
    ) -> None:
        """Store that a task ended with a value."""
        if store_result:
            self.store_result(task_id, result, state, request=request)

    def mark_as_failure(
        self: Any,
        task_id: str,
        exc: BaseException,
        traceback: str | None = None,
        request: Context | None = None,
        store_result: bool = True,
        call_errbacks: bool = True,
        state: str = FAILURE,
    ) -> None:
        """Store that a task ended with an error. `call_errbacks` is accepted: what follows from an end is the worker's part."""
        if store_result:
            self.store_result(task_id, exc, state, traceback, request)

    def mark_as_retry(
        self: Any,
        task_id: str,
        exc: BaseException,
        traceback: str | None = None,
        request: Context | None = None,
        store_result: bool = True,
        state: str = RETRY,
    ) -> Any:
        """Store that a task failed and will run again."""
        return self.store_result(task_id, exc, state, traceback, request) if store_result else None

    def mark_as_revoked(
        self: Any,
        task_id: str,
        reason: str = "",
        request: Context | None = None,
        store_result: bool = True,
        state: str = REVOKED,
    ) -> None:
        """Store that a task will not run."""
        if store_result:
            self.store_result(task_id, TaskRevokedError(reason), state, request=request)

    # --- reading

    def get_task_meta(self: Any, task_id: str, cache: bool = True) -> dict[str, Any]:
        """All that is stored of a task, as a dict; of an unknown one PENDING without a result."""
        found = read(_app_of(self), self, [task_id]).get(task_id)
        if found is None:
            return {"task_id": task_id, "status": PENDING, "result": None, "traceback": None, "children": []}
        return meta_of(_app_of(self), found)

    def get_state(self: Any, task_id: str) -> str:
        """The state of a task."""
        return str(self.get_task_meta(task_id)["status"])

    get_status = get_state

    def get_result(self: Any, task_id: str) -> Any:
        """The value of a task, or its exception."""
        return self.get_task_meta(task_id)["result"]

    def get_traceback(self: Any, task_id: str) -> str | None:
        """The traceback of a failed task."""
        text: str | None = self.get_task_meta(task_id)["traceback"]
        return text

    def get_children(self: Any, task_id: str) -> list[Any]:
        """The results of what a task called."""
        return [result_from_tuple(child, _app_of(self)) for child in self.get_task_meta(task_id)["children"]]

    # --- groups

    def save_group(self: Any, group_id: str, result: GroupResult[Any]) -> GroupResult[Any]:
        """Keep the result of a group under an id."""
        group: GroupResult[Any] = GroupResult(group_id, result.results, result.parent, app=_app_of(self))
        group.save(self)
        return result

    def restore_group(self: Any, group_id: str, cache: bool = True) -> GroupResult[Any] | None:
        """The result of a group that was saved; None when there is none."""
        return GroupResult.restore(group_id, self, _app_of(self))

    def delete_group(self: Any, group_id: str) -> None:
        """Drop a saved group."""
        self.forget([group_id])

    def ensure_chords_allowed(self: Any) -> None:
        """Raise `NotKept` (a NotImplementedError) when this backend cannot hold the parts of a chord until all are there."""
        if self.reply_to is not None:
            raise NotKept(
                f"chords need a result backend that keeps results, which {type(self).__name__} does not; use another result_backend"
            )


def _app_of(backend: Any) -> KernelQ:
    """The app that made a backend; the current one for a backend that does not know it."""
    return getattr(backend, "app", None) or KernelQ.current()
