"""Fan-in: what follows when a join has fired, once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from kernelq.contracts import FAILURE, Context, Effect, Message, describe
from kernelq.errors import Ignore, KernelQError
from kernelq.exceptions import ChordError
from msgspec.structs import replace

from .contract import DONE, FAILED, Arrive, Close, Join, WorkflowStore
from .ends import TakenOver
from .failing import upstream, whole
from .ids import derived_ids
from .joins import Part, Record, place_of, unpack_part, unpack_record
from .launching import Launch
from .links import call_errbacks, error_called_back
from .pages import unpaged
from .steps import errbacks_of, id_of, is_group, tasks_in
from .store import effects, required_store

if TYPE_CHECKING:
    from kernelq import KernelQ

log = logging.getLogger("kernelq.worker")

AT_ONCE = 1000
"""Parts read in one round trip."""

Caused = list[Message | Effect]


def fan_in(app: KernelQ, join_id: str, cause: Message) -> None:
    """Call what follows a join with the values of its members, or fail it. `cause` is the message that asks for it.

    All of it is committed with the end of this run, which is an `Ignore` always.

    Raises:
        BackendUnavailable: the store is away; asking again is safe.
    """
    store = required_store(app, "a chord")
    join = store.join(join_id)
    if join is None or join.state in (DONE, FAILED):
        raise Ignore(f"the join {join_id} is closed already")
    record = unpack_record(app, join.record)
    with derived_ids(join_id):
        caused = _follow(app, store, join_id, join, record, cause)
    raise TakenOver(f"the join {join_id} is followed", caused)


def give_up(app: KernelQ, join_id: str, error: BaseException, cause: Message) -> Caused:
    """What fails a join whose own task failed with `error`, so that it does not wait for ever."""
    store = required_store(app, "a chord")
    join = store.join(join_id)
    if join is None or join.state in (DONE, FAILED):
        return []
    with derived_ids(join_id):
        return _failed(app, store, join_id, unpack_record(app, join.record), error, None, cause)


def _follow(
    app: KernelQ, store: WorkflowStore, join_id: str, join: Join, record: Record, cause: Message
) -> Caused:  # fmt: skip
    if join.failed is not None:
        [blob] = store.parts(join_id, join.failed, join.failed + 1)
        return _failed(app, store, join_id, record, None, None if blob is None else unpack_part(blob), cause)
    if join.size is None or join.arrived < join.size:
        error = ChordError(
            f"{join.arrived} of {join.size or 'the'} tasks of the header have ended, and the time for it is over"
        )
        return _failed(app, store, join_id, record, error, None, cause)
    try:
        return _done(app, store, join_id, join.size, record)
    except KernelQError as error:
        log.exception("what follows the join %s cannot be called", join_id)
        return _failed(app, store, join_id, record, error, None, cause)


def _done(app: KernelQ, store: WorkflowStore, join_id: str, size: int, record: Record) -> Caused:
    values = _values(app, store, join_id, size)
    close = Close(join=join_id, ttl=_ttl(app))
    if not record.steps:
        assert record.chord
        outer, place = place_of(record.chord)
        serializer = app.serializer(app.conf.result_serializer)
        part = Part(content_type=serializer.content_type, data=serializer.dumps(values), several=True)
        return effects(store, [Arrive(join=outer, place=place, part=part.pack()), close])  # type: ignore[return-value]
    steps, read = unpaged(app, record.steps)
    launch = Launch(app, parent_id=record.parent_id, root_id=record.root_id, reply_to=record.reply_to)
    launch.start(steps, (values,), record.chord)
    return [*launch.messages, *effects(store, [*read, *launch.ops, close])]


def _values(app: KernelQ, store: WorkflowStore, join_id: str, size: int) -> list[Any]:
    values: list[Any] = []
    for start in range(0, size, AT_ONCE):
        for place, blob in enumerate(store.parts(join_id, start, min(size, start + AT_ONCE)), start):
            if blob is None:
                raise ChordError(f"the value of member {place} is not in the store any more")
            part = unpack_part(blob)
            value = part.load(app)
            if part.several:
                values += value
            else:
                values.append(value)
    return values


def _failed(
    app: KernelQ,
    store: WorkflowStore,
    join_id: str,
    record: Record,
    error: BaseException | None,
    part: Part | None,
    cause: Message,
) -> Caused:
    """The end of a join by a member that did not succeed (`part`), or by `error`."""
    if part is not None:
        error = ChordError(f"Dependency {part.id} raised {_shown(part.load(app))}")
    elif error is None:
        error = ChordError(f"a member of the join {join_id} did not succeed")
    caused: Caused = []
    behalf = replace(cause, parent_id=record.parent_id, root_id=record.root_id, reply_to=record.reply_to, chord=None)
    ops: list[Any] = []
    last = join_id
    if record.steps:
        steps = whole(app, record.steps)
        body = _body(steps)
        last = id_of(body) or join_id
        # Of a group that was to be the body every member fails as the member of the header did.
        is_only_group = len(steps) == 1 and is_group(steps[0])
        caused += upstream(app, behalf, steps, FAILURE, error, part if is_only_group else None)
        errbacks = errbacks_of(steps)
        if errbacks:
            failed = replace(behalf, id=last, task=body["task"], retries=0, replaced=0)
            caused += error_called_back(app, failed, errbacks)
            call_errbacks(app, Context(failed, embed={"errbacks": errbacks}), error)
    if record.chord:
        outer, place = place_of(record.chord)
        serializer = app.serializer(app.conf.result_serializer)
        data = serializer.dumps(describe(error))
        lost = Part(content_type=serializer.content_type, data=data, id=last, state=FAILURE)
        ops.append(Arrive(join=outer, place=place, part=lost.pack(), failed=True))
    ops.append(Close(join=join_id, state=FAILED, ttl=_ttl(app)))
    return [*caused, *effects(store, ops)]


def _body(steps: list[Any]) -> Any:
    """The single task that stands for what was to be called: of a header the body that follows it."""
    first, *rest = steps
    if is_group(first) and rest:
        return _body(rest)
    return next(iter(tasks_in([first])))


def _ttl(app: KernelQ) -> float | None:
    return app.conf.result_expires or None


def _shown(stored: Any) -> str:
    """A stored exception as Python shows one."""
    if not isinstance(stored, dict) or "exc_type" not in stored:
        return repr(stored)
    arguments = stored.get("exc_message") or []
    words = arguments if isinstance(arguments, list | tuple) else [arguments]
    return f"{stored['exc_type']}({', '.join(map(repr, words))})"
