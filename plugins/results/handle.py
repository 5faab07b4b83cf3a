"""What is known of one task, by its id: the looking half of `AsyncResult`."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kernelq.contracts import FAILURE, PENDING, READY_STATES, SUCCESS, Backend, Outcome

from .meta import arguments_of, date_of, meta_of, value_of
from .promise import Promise
from .tree import ResultBase, result_from_tuple
from .waiting import look

if TYPE_CHECKING:
    from kernelq import KernelQ


class Handle(ResultBase):
    """The id of a task, and what its backend says of it.

    Every look asks the backend until the task has ended; then the outcome is kept here. From any thread.
    """

    # What most results never have is on the class: one is made with every publish.
    final: Outcome | None = None
    """The outcome of the task once it has ended and that was seen."""
    is_stored: bool = True
    """Whether a backend keeps it."""
    ignored: bool = False
    """Whether it is known that there will be no result: `get` returns None at once then."""
    task_name: str | None = None
    _app: KernelQ | None = None
    given_backend: Backend | None = None
    """The backend that is asked in place of the app's."""
    _promise: Promise | None = None

    def __init__(
        self,
        id: str | None = None,
        backend: Backend | None = None,
        task_name: str | None = None,
        app: KernelQ | None = None,
        parent: ResultBase | None = None,
        *,
        task_id: str | None = None,
        ignored: bool = False,
    ) -> None:
        given = task_id if id is None else id
        if not given:
            raise ValueError(f"expected the id of a task, got {given!r}")
        self.id = given
        self.task_name = task_name
        if ignored:
            self.ignored = True
        if app is not None:
            self._app = app
        if backend is not None:
            self.given_backend = backend
        if parent is not None:
            self.parent = parent

    @property
    def task_id(self) -> str:
        """The id."""
        return self.id

    @property
    def app(self) -> KernelQ:
        """The app whose backend is asked."""
        if self._app is None:
            from kernelq import KernelQ

            self._app = KernelQ.current()
        return self._app

    @property
    def backend(self) -> Backend:
        """The backend that is asked: the app's, unless another one was given."""
        return self.app.backend if self.given_backend is None else self.given_backend

    # --- looking

    @property
    def outcome(self) -> Outcome | None:
        """What is stored now; None when nothing is. A final outcome is asked for once."""
        return self.final or look((self,)).get(self.id)

    @property
    def state(self) -> str:
        """PENDING (waiting or unknown), STARTED, RETRY, SUCCESS, FAILURE, REVOKED, or one of the task's own."""
        found = self.outcome
        return found.state if found is not None else PENDING

    status = state

    @property
    def result(self) -> Any:
        """The value, the exception object, or a custom state's meta; None while there is none."""
        found = self.outcome
        return self.value(found) if found is not None else None

    info = result

    @property
    def traceback(self) -> str | None:
        """The traceback of a failed task, as text."""
        found = self.outcome
        return found.traceback if found is not None else None

    @property
    def reason(self) -> str | None:
        """Why, beyond the state: ``expired``, ``crashed``, ``timed_out``, …"""
        found = self.outcome
        return found.reason if found is not None else None

    @property
    def children(self) -> list[Any]:
        """The results of what the task called, as it stored them."""
        found = self.outcome
        return [] if found is None else [result_from_tuple(child, self.app) for child in found.children]

    @property
    def name(self) -> str | None:
        """The name of the task."""
        found = self.final if self.task_name else self.outcome
        return (found.task if found is not None else None) or self.task_name

    @property
    def args(self) -> list[Any] | None:
        """The positional arguments; kept with the setting `result_extended`."""
        found = self.outcome
        args: list[Any] | None = None if found is None else arguments_of(self.app, found)[0]
        return args

    @property
    def kwargs(self) -> dict[str, Any] | None:
        """The keyword arguments; kept with the setting `result_extended`."""
        found = self.outcome
        kwargs: dict[str, Any] | None = None if found is None else arguments_of(self.app, found)[1]
        return kwargs

    @property
    def worker(self) -> str | None:
        """The name of the worker that ran it."""
        found = self.outcome
        return found.worker if found is not None else None

    @property
    def retries(self) -> int | None:
        """How often it was retried."""
        found = self.outcome
        return found.retries if found is not None else None

    @property
    def queue(self) -> str | None:
        """The queue it came from; kept with the setting `result_extended`."""
        found = self.outcome
        return found.extra.get("queue") if found is not None else None

    @property
    def date_done(self) -> datetime.datetime | None:
        """When it ended, in UTC."""
        found = self.outcome
        return None if found is None else date_of(found)

    def exists(self) -> bool:
        """Whether anything is stored; tells an unknown task from a waiting one only once it has begun."""
        return self.outcome is not None

    def ready(self) -> bool:
        """Whether the task has come to its end."""
        return self.state in READY_STATES

    def successful(self) -> bool:
        """Whether it ended with a value."""
        return self.state == SUCCESS

    def failed(self) -> bool:
        """Whether it ended with an error."""
        return self.state == FAILURE

    @property
    def on_ready(self) -> Promise:
        """The promise that is kept when the end of the task is seen here; `then` lets a waiter look for it too."""
        if self._promise is None:
            # setdefault is atomic: two threads get one promise.
            promise: Promise = self.__dict__.setdefault("_promise", Promise())
            if self.final is not None:
                promise(self)
        assert self._promise is not None
        return self._promise

    def settle(self, outcome: Outcome) -> None:
        """Take what was found stored: a final outcome is kept, and callbacks are called."""
        if outcome.is_ready and self.final is None:
            self.final = outcome
            if self._promise is not None:
                self._promise(self)

    def unsettle(self) -> None:
        if self.is_stored and self.final is not None and self.final.state != SUCCESS:
            self.final = None
            self.__dict__.pop("_promise", None)  # it was kept; there is a new end to come

    # --- counting

    def completed_count(self) -> int:
        """How many tasks of the workflow this belongs to have succeeded; of a task that belongs to none, 1 if it has."""
        counted = self._counted()
        return int(self.successful()) if counted is None else counted[0]

    def total_count(self) -> int:
        """How many tasks the workflow this belongs to has; 1 for a task that belongs to none."""
        counted = self._counted()
        return 1 if counted is None else counted[1]

    def _counted(self) -> tuple[int, int] | None:
        if not self.is_stored:
            return None
        from kernelq import workflow_views

        return workflow_views.count(self.app, self.id)

    # --- forms

    def leaves(self) -> Iterator[Any]:
        yield self

    def meta(self, found: Outcome) -> dict[str, Any]:
        """An outcome as the dict `on_message` gets."""
        return meta_of(self.app, found)

    def value(self, found: Outcome) -> Any:
        """What an outcome holds: the value, or the exception as an object."""
        return value_of(self.app, found)

    def as_tuple(self) -> tuple[Any, ...]:
        return ((self.id, None if self.parent is None else self.parent.as_tuple()), None)

    def __eq__(self, other: object) -> bool:
        return self.id == (other.id if isinstance(other, Handle) else other)

    def __hash__(self) -> int:
        return hash(self.id)

    def __str__(self) -> str:
        return self.id

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.id}>"
