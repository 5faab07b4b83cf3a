"""Starting: a canvas sent by whoever calls it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kernelq import GroupResult
from kernelq.contracts import BackendError, BrokerError, frames

from .composing import canonical
from .contract import Forget, Open
from .freezing import place_under
from .ids import new_id
from .launching import Launch
from .lazy import Lazy
from .plans import LongPlan, node_of, plan_ops
from .steps import id_of, is_group, members_of, steps_of, tasks_in
from .store import required_store, store_of

if TYPE_CHECKING:
    from kernelq import KernelQ

    from .signature import Signature

log = logging.getLogger("kernelq.publish")

AT_ONCE = 10_000
"""Messages published in one round trip; of more than that some may be accepted when the broker goes away."""
STREAMED = 1000
"""Messages of a generator that are made before they are published."""

WAYS = ("retry", "retry_policy")


def start(sig: Signature[Any], args: Any, kwargs: Any, options: Mapping[str, Any]) -> Any:
    """Send a canvas completed like a call; its result, or None when there is nothing in it.

    Raises:
        ChordsNotSupported: there is a chord in it, and no store for its parts.
        BrokerUnavailable, BrokerFull, BackendUnavailable: it was not sent, or (of more than 10,000 tasks) not whole.
    """
    app = sig.app
    if app.conf.task_always_eager:
        return sig.apply(args, kwargs, **options)
    ways = {name: options[name] for name in WAYS if options.get(name) is not None}
    given = {
        name: value for name, value in options.items() if name not in (*WAYS, "add_to_parent") and value is not None
    }
    ready = canonical(sig, args or (), kwargs, given)
    if ready is None:
        return None
    result = _Start(app, ways).run(ready)
    frame = frames.get()
    if frame is not None and frame.task.trail and options.get("add_to_parent", True):
        frame.request.children.append(result)
    return result


class _Start:
    """One start of a canvas."""

    def __init__(self, app: KernelQ, ways: Mapping[str, Any]) -> None:
        self._app = app
        self._ways = ways
        self._store = store_of(app)

    def run(self, ready: Signature[Any]) -> Any:
        """Send what is canonical; its result."""
        if ready.subtask_type in ("group", "chord"):
            first, *rest = steps_of(ready)
            members = members_of(first)
            if isinstance(members, Lazy):
                return self._stream(ready, first, members, rest)
        had_ids = any(id_of(task) for task in tasks_in(steps_of(ready)[:1]))
        result = ready.freeze()
        steps = steps_of(ready)
        joins = list(joins_in(steps))
        if joins:  # also those that begin later: now the caller hears of it
            required_store(self._app, "a chord")
        launch = Launch(self._app, **_about(ready))
        if had_ids and self._store is not None:  # it may have run before, under these very ids
            launch.ops += [Forget(join=join) for join in joins]
        launch.start(steps)
        if self._store is not None:
            launch.ops += plan_ops(result.id, launch.root_id, node_of(steps), self._ttl)
        self._send(launch)
        return result

    def _stream(self, ready: Signature[Any], first: Any, members: Lazy[Any], rest: list[Any]) -> Any:
        """Send a group or chord whose members come from a generator, a thousand at a time."""
        group_id = id_of(first) or new_id()
        results: list[Any] = []
        result: Any = GroupResult(group_id, app=self._app)
        if ready.subtask_type == "chord":
            body = ready.kwargs["body"]
            result = body.freeze()
            rest = steps_of(body)
        plan = LongPlan(result.id, "chord" if rest else "group", group_id)

        def frozen() -> Iterator[Any]:
            for index, member in enumerate(members.pass_by()):
                results.append(member.freeze(group_id=group_id, group_index=index))
                plan.add(node_of(steps_of(member)))
                yield member

        group = {**first, "kwargs": {"tasks": frozen()}, "options": {**first["options"], "task_id": group_id}}
        launch = Launch(self._app, **_about(ready), flush=self._flush)
        try:
            launch.start([group, *rest])
        except Exception:  # of the generator; what was sent by then runs, and nothing is to wait for the others
            self._forget([group_id])
            raise
        header: Any = GroupResult(group_id, results, app=self._app)
        if rest:
            place_under(result, header)
        else:
            result = header
        if self._store is not None:
            launch.ops += plan.ops(launch.root_id, node_of(rest) if rest else None, self._ttl)
        self._send(launch)
        return result

    def _flush(self, launch: Launch) -> None:
        if len(launch.messages) >= STREAMED:
            self._send(launch)

    @property
    def _ttl(self) -> float | None:
        return self._app.conf.result_expires or None

    def _send(self, launch: Launch) -> None:
        """Operations first: a part that came before its join would wait for it, and for ever if we die here."""
        messages, ops = launch.messages, launch.ops
        launch.messages, launch.ops = [], []
        if ops:
            assert self._store is not None
            messages += self._store.apply(ops)
        try:
            for i in range(0, len(messages), AT_ONCE):
                self._app.publisher.publish(messages[i : i + AT_ONCE], **self._ways)
        except BrokerError:
            self._forget(op.join for op in ops if isinstance(op, Open))
            raise

    def _forget(self, joins: Iterable[str]) -> None:
        """Forget the joins of what was not sent, or else they would be found overdue one day."""
        if self._store is not None:
            try:
                self._store.apply([Forget(join=join) for join in joins])
            except BackendError as error:
                log.warning("what was kept of a workflow that could not be sent stays in the store: %s", error)


def joins_in(steps: list[Any]) -> Iterator[str]:
    """The ids of all joins of some steps."""
    for number, step in enumerate(steps, 1):
        if is_group(step):
            join = id_of(step)
            if number < len(steps) and join is not None:
                yield join
            for member in members_of(step):
                yield from joins_in(steps_of(member))


def _about(ready: Signature[Any]) -> dict[str, Any]:
    """On whose behalf: what the options say, else the task that is running."""
    frame = frames.get()
    running = None if frame is None else frame.request.message
    about = {name: ready.options.get(name) for name in ("parent_id", "root_id", "reply_to")}
    if running is not None:
        about["parent_id"] = about["parent_id"] or running.id
        about["root_id"] = about["root_id"] or running.root_id or running.id
    return about
