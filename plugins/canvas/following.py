"""Following: what the end of a task in a workflow causes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernelq.contracts import FAILURE, REVOKED, Effect, Ending, Message, decode_body, describe, pack
from kernelq.errors import KernelQError, TaskRevokedError

from .contract import Arrive, Keep, Op, Open
from .ends import ADDED, TakenOver
from .failing import upstream
from .fan_in import give_up
from .ids import derived, derived_ids
from .joins import Part, Record, fan_in_message, place_in, place_of
from .launching import Launch
from .links import called_back, error_called_back
from .names import FAN_IN
from .pages import unpaged
from .results import result_of
from .steps import tasks_in
from .store import effects, required_store, store_of

if TYPE_CHECKING:
    from kernelq import Context, KernelQ

Caused = list[Message | Effect]


def after_success(app: KernelQ, ending: Ending) -> Caused:
    """The callbacks of a task that returned, the next step of its chain or its part in a chord.

    Raises:
        Exception: whatever keeps something from being made; the task fails with it.
    """
    message, request = ending.message, ending.request
    assert request is not None
    caused: Caused = []
    with derived_ids(f"{message.id}/{message.replaced}/{message.retries}"):
        callbacks, steps = request.embed.get("callbacks"), request.embed.get("chain")
        if callbacks:
            caused += called_back(app, request, callbacks, ending.value)
        if steps:
            caused += _next_step(app, request, message, steps[::-1], ending.value)
        elif message.chord:
            caused += _arrived(app, ending, request, message.chord)
    return caused


def after_trouble(app: KernelQ, ending: Ending) -> Caused:
    """What follows from an end that was no success: what takes this task's place, or the end of all that waits for it."""
    value = ending.value
    if isinstance(value, TakenOver):
        return value.caused
    if ending.state not in (FAILURE, REVOKED, "IGNORED"):
        return []
    message = ending.message
    if message.task == FAN_IN:
        return _fan_in_failed(app, ending) if ending.state == FAILURE else []
    embed = _embed(app, message, ending.request)
    caused: Caused = []
    if ending.state == FAILURE:
        with derived_ids(f"{message.id}/error"):
            caused += error_called_back(app, message, embed.get("errbacks"))
    steps = (embed.get("chain") or [])[::-1]
    if ending.request is not None and ending.request.is_eager:
        return caused  # who runs it here knows what waits for it
    if message.chord is None and message.group is None and not steps:
        return caused  # no part of a workflow
    return [*caused, *_given_up(app, ending, steps)]


def _next_step(app: KernelQ, request: Context, message: Message, steps: list[Any], value: Any) -> Caused:
    steps, read = unpaged(app, steps)
    launch = Launch(
        app, parent_id=message.id, root_id=message.root_id or message.id, reply_to=message.reply_to
    )  # fmt: skip
    launch.start(steps, (value,), message.chord)
    request.children.append(result_of(app, steps))
    return [*launch.messages, *effects(store_of(app), [*read, *launch.ops])]


def _arrived(app: KernelQ, ending: Ending, request: Context, chord: str) -> Caused:
    """A part for the place in a join; the tasks that this one added to the header come there with it."""
    store = required_store(app, "a chord")
    outcome = ending.outcome
    if outcome is not None and outcome.value is not None:
        content_type, data = outcome.content_type, outcome.value
    else:
        serializer = app.serializer(app.conf.result_serializer)
        content_type, data = serializer.content_type, serializer.dumps(ending.value)
    part = Part(content_type=content_type, data=data).pack()
    added = vars(request).get(ADDED) or []
    if not added:
        join, place = place_of(chord)
        return [Effect(store, Arrive(join=join, place=place, part=part))]
    message = ending.message
    inner = derived(message.id, "added")
    launch = Launch(app, parent_id=message.id, root_id=message.root_id or message.id, reply_to=message.reply_to)
    about = {"parent_id": message.id, "root_id": launch.root_id, "reply_to": message.reply_to}
    for place, steps in enumerate(added, 1):
        launch.start(steps, (), place_in(inner, place))
    fan_in = fan_in_message(app, inner, next(iter(tasks_in(added[0]))), about)
    record = Record(steps=[], chord=chord, **about).pack(app)
    ops: list[Op] = [
        *launch.ops,
        Open(join=inner, message=fan_in, record=record, size=1 + len(added)),
        Arrive(join=inner, place=0, part=part),
    ]
    return [*launch.messages, *effects(store, ops)]


def _given_up(app: KernelQ, ending: Ending, steps: list[Any]) -> Caused:
    """The states of later steps, the failed part in a chord, and the message for who wants to try again."""
    message = ending.message
    state, error = ending.state, ending.value
    store = store_of(app)
    ops: list[Op] = []
    if state == "IGNORED":
        state, error = REVOKED, TaskRevokedError("ignored")
    caused: Caused = list(upstream(app, message, steps, state, error)) if steps else []
    if store is not None:
        ops.append(Keep(key=f"failed:{message.id}", value=pack(message), ttl=app.conf.result_expires or None))
        if message.chord:
            join, place = place_of(message.chord)
            serializer = app.serializer(app.conf.result_serializer)
            part = Part(
                content_type=serializer.content_type,
                data=serializer.dumps(describe(ending.value)),
                id=message.id,
                state=state,
            )
            ops.append(Arrive(join=join, place=place, part=part.pack(), failed=True))
    return [*caused, *effects(store, ops)]


def _fan_in_failed(app: KernelQ, ending: Ending) -> Caused:
    """The task of a join failed itself, or its process died too often: the join fails in its place."""
    try:
        [join] = decode_body(app, ending.message)[0]
    except (KernelQError, TypeError, ValueError):
        return []  # nobody wrote that; the dead letters have it
    return give_up(app, join, ending.value, ending.message)


def _embed(app: KernelQ, message: Message, request: Context | None) -> dict[str, Any]:
    """What travelled with a task that failed, also of one that never ran."""
    if request is not None and request.embed:
        return request.embed
    try:
        return decode_body(app, message)[2]
    except (KernelQError, TypeError, ValueError):
        return {}
