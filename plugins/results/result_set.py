"""Many results as one: looked at by one question, waited for by one watch."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kernelq.contracts import FAILURE, PENDING, PROPAGATE_STATES, READY_STATES, SUCCESS, Backend

from .joining import assert_will_not_block
from .promise import Promise
from .revoking import revoke
from .tree import ResultBase
from .waiting import drain, forget, look

if TYPE_CHECKING:
    from kernelq import KernelQ

    from .result import AsyncResult

R = TypeVar("R")

Callback = Callable[[str, Any], Any]
OnMessage = Callable[[dict[str, Any]], Any]
OnInterval = Callable[[], Any]


class ResultSet(ResultBase, Generic[R]):
    """A list of results, in the order they were added. A group in it counts as one, whose value is a list."""

    id = ""
    supports_native_join = True
    _app: KernelQ | None = None
    _promise: Promise | None = None

    def __init__(self, results: Iterable[Any], app: KernelQ | None = None) -> None:
        self.results: list[Any] = list(results)
        self._lock = Lock()
        if app is not None:
            self._app = app

    @property
    def app(self) -> KernelQ:
        """The app whose backend is asked."""
        if self._app is None:
            from kernelq import KernelQ

            self._app = self.results[0].app if self.results else KernelQ.current()
        return self._app

    @property
    def backend(self) -> Backend:
        """The app's result backend."""
        found: Backend = self.app.backend
        return found

    @property
    def children(self) -> list[Any]:
        return self.results

    # --- the list

    def add(self, result: Any) -> None:
        """Add a result, unless it is there; what waits already does not wait for it."""
        if result not in self.results:
            self.results.append(result)

    def remove(self, result: Any) -> None:
        """Take a result out, given itself or by id; raises `KeyError` when it is not there."""
        try:
            self.results.remove(result)
        except ValueError:
            raise KeyError(result) from None

    def discard(self, result: Any) -> None:
        """Take a result out if it is there."""
        if result in self.results:
            self.results.remove(result)

    def update(self, results: Iterable[Any]) -> None:
        """Add those that are not there."""
        for result in results:
            self.add(result)

    def clear(self) -> None:
        """Take all out."""
        self.results.clear()

    # --- looking

    def ready(self) -> bool:
        """Whether every task has come to its end."""
        return all(state in READY_STATES for states in self._states() for state in states)

    def waiting(self) -> bool:
        """Whether any task has not come to its end."""
        return not self.ready()

    def successful(self) -> bool:
        """Whether every task ended with a value."""
        return all(state == SUCCESS for states in self._states() for state in states)

    def failed(self) -> bool:
        """Whether any task ended with an error."""
        return any(state == FAILURE for states in self._states() for state in states)

    def completed_count(self) -> int:
        """How many members ended with a value."""
        return sum(all(state == SUCCESS for state in states) for states in self._states())

    def total_count(self) -> int:
        """How many members there are."""
        return len(self.results)

    def maybe_throw(self, propagate: bool = True, callback: Callback | None = None) -> None:
        """Raise the exception of the first member that failed; call back with each value otherwise."""
        look(self.leaves())
        for result in self.results:
            result.maybe_throw(propagate=propagate, callback=callback)

    maybe_reraise = maybe_throw

    # --- waiting

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float | None = None,
        callback: Callback | None = None,
        no_ack: bool = True,
        on_message: OnMessage | None = None,
        disable_sync_subtasks: bool = True,
        on_interval: OnInterval | None = None,
    ) -> list[R]:
        """`join_native`, with the order of arguments that `get` has."""
        return self.join_native(  # type: ignore[return-value]  # None with a callback
            timeout, propagate, interval, callback, no_ack, on_message, on_interval, disable_sync_subtasks
        )

    def join(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float | None = None,
        callback: Callback | None = None,
        no_ack: bool = True,
        on_message: OnMessage | None = None,
        disable_sync_subtasks: bool = True,
        on_interval: OnInterval | None = None,
    ) -> list[R]:
        """Wait for all and return their values in the members' order, which is the order of callbacks and errors too.

        `timeout` is for all together. With `propagate` off exceptions stand in their places. With `callback` the list is empty.

        Raises:
            TimeoutError: time was up before all had ended; they go on.
        """
        if disable_sync_subtasks:
            assert_will_not_block()
        values: list[R] = []
        seen: set[int] = set()
        place = 0
        completed = self._completed(timeout, interval, on_message, on_interval)
        with closing(completed):
            for i in completed:
                seen.add(i)
                while place in seen:
                    member = self.results[place]
                    value = _value(member, propagate)
                    if callback is not None:
                        callback(member.id, value)
                    else:
                        values.append(value)
                    place += 1
        return values

    def join_native(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float | None = None,
        callback: Callback | None = None,
        no_ack: bool = True,
        on_message: OnMessage | None = None,
        on_interval: OnInterval | None = None,
        disable_sync_subtasks: bool = True,
    ) -> list[R] | None:
        """`join` that calls back, and raises what a task raised, as it comes. None with `callback`."""
        if disable_sync_subtasks:
            assert_will_not_block()
        values: list[Any] = [None] * len(self.results)
        completed = self._completed(timeout, interval, on_message, on_interval, propagate=propagate)
        with closing(completed):
            for i in completed:
                value = _value(self.results[i], propagate)
                if callback is not None:
                    callback(self.results[i].id, value)
                else:
                    values[i] = value
        return values if callback is None else None

    def iter_native(
        self,
        timeout: float | None = None,
        interval: float | None = None,
        no_ack: bool = True,
        on_message: OnMessage | None = None,
        on_interval: OnInterval | None = None,
    ) -> Iterator[tuple[str, Any]]:
        """(id, what is stored as a dict) of each member as it ends; of a group in it, (id, its members)."""
        completed = self._completed(timeout, interval, on_message, on_interval)
        with closing(completed):
            for i in completed:
                member = self.results[i]
                found = getattr(member, "final", None)
                yield member.id, member.results if isinstance(member, ResultSet) else found and member.meta(found)

    async def aget(
        self, timeout: float | None = None, propagate: bool = True, *, disable_sync_subtasks: bool = True
    ) -> list[R]:
        """`get` for coroutines, see `AsyncResult.aget`."""
        if disable_sync_subtasks:
            assert_will_not_block()
        from .awaiting import settled  # who comes here has loaded asyncio

        leaves = [leaf for leaf in self.leaves() if not leaf.ignored]
        await settled(leaves, timeout, lambda each: propagate and _has_failed(each))
        if propagate:
            _raise_first(leaves)
        return [_value(member, propagate) for member in self.results]

    def then(
        self, callback: Callable[[Any], Any], on_error: Callable[[Exception], Any] | None = None, weak: bool = False
    ) -> Promise:
        """Call `callback` with this set when all its tasks have ended; otherwise as `AsyncResult.then`."""
        with self._lock:
            is_new = self._promise is None
            promise = self._promise = self._promise or Promise()
        following = promise.then(callback, on_error)
        if is_new:
            leaves = list(self.leaves())
            missing = [len(leaves)]

            def count(_: Any) -> None:
                with self._lock:
                    missing[0] -= 1
                    is_last = missing[0] == 0
                if is_last:
                    promise(self)

            for leaf in leaves:
                leaf.then(count, weak=weak)
            if not leaves:
                promise(self)
        return following

    # --- doing

    def forget(self) -> None:
        """Drop the stored results, and those of their parents."""
        forget(self.results)

    def unsettle(self) -> None:
        for leaf in self.leaves():
            leaf.unsettle()
        with self._lock:
            self._promise = None

    def revoke(
        self,
        connection: Any = None,
        terminate: bool = False,
        signal: str | None = None,
        wait: bool = False,
        timeout: float | None = None,
    ) -> Any:
        """Keep the tasks from being run, see `app.control.revoke`."""
        ids = [leaf.id for leaf in self.leaves()]
        return revoke(self.app, "revoke", ids, terminate=terminate, signal=signal, reply=wait, timeout=timeout)

    # --- forms

    def leaves(self) -> Iterator[AsyncResult[Any]]:
        for result in self.results:
            yield from result.leaves()

    def as_tuple(self) -> tuple[Any, ...]:
        above = None if self.parent is None else self.parent.as_tuple()
        return ((self.id, above), [result.as_tuple() for result in self.results])

    def _states(self) -> list[list[str]]:
        """The states of every member's tasks, by one question."""
        known = look(self.leaves())
        members = [[known.get(leaf.id) for leaf in member.leaves()] for member in self.results]
        return [[PENDING if outcome is None else outcome.state for outcome in member] for member in members]

    def _completed(
        self,
        timeout: float | None,
        interval: float | None,
        on_message: OnMessage | None,
        on_interval: OnInterval | None,
        *,
        propagate: bool = False,
    ) -> Generator[int]:
        """The places of members as they end; with `propagate` the first task that fails raises its exception."""
        owners: dict[int, list[int]] = {}  # by the identity of a task's result: the places of the members it is in
        unique: dict[int, AsyncResult[Any]] = {}
        missing: list[int] = []
        for place, member in enumerate(self.results):
            leaves = {id(leaf): leaf for leaf in member.leaves() if not leaf.ignored}
            missing.append(len(leaves))
            unique.update(leaves)
            for key in leaves:
                owners.setdefault(key, []).append(place)
        yield from [place for place, count in enumerate(missing) if not count]
        drained = drain(
            unique.values(), timeout=timeout, interval=interval, on_message=on_message, on_interval=on_interval
        )
        with closing(drained):
            for leaf in drained:
                if propagate:
                    _raise_first([leaf])
                for place in owners[id(leaf)]:
                    missing[place] -= 1
                    if not missing[place]:
                        yield place

    def __iter__(self) -> Iterator[Any]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, place: int) -> Any:
        return self.results[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResultSet) and other.results == self.results

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: [{', '.join(result.id for result in self.results)}]>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (ResultSet, (self.results,))


def _value(member: Any, propagate: bool) -> Any:
    """The value of a member that has ended."""
    if isinstance(member, ResultSet):
        return member.join_native(propagate=propagate, disable_sync_subtasks=False)
    return member.get(propagate=propagate, follow_parents=False, disable_sync_subtasks=False)


def _has_failed(leaf: AsyncResult[Any]) -> bool:
    return leaf.final is not None and leaf.final.state in PROPAGATE_STATES


def _raise_first(leaves: Iterable[AsyncResult[Any]]) -> None:
    for leaf in leaves:
        if _has_failed(leaf):
            leaf.get(follow_parents=False, disable_sync_subtasks=False)
