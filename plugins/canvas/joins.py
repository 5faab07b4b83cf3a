"""What joins hold, as bytes: what is to follow them, and the parts that their members bring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from kernelq.contracts import Message
from msgspec.structs import replace

from .ids import derived
from .names import FAN_IN
from .steps import written

if TYPE_CHECKING:
    from kernelq import KernelQ

NOWHERE = ""
"""The place of a task that is part of a workflow, and whose end no join counts."""

_ROUTE = ("queue", "exchange", "routing_key", "priority")

_encoder = msgspec.msgpack.Encoder()


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, array_like=True):
    """What a member brings: its value or error as it is stored, and whose it is.

    `several` values take the place of one: the member added further tasks to the header, and their values follow its own.
    """

    content_type: str
    data: bytes
    id: str = ""
    state: str = "SUCCESS"
    several: bool = False

    def pack(self) -> bytes:
        """The blob form."""
        return _encoder.encode(self)

    def load(self, app: KernelQ) -> Any:
        """The value, or the exception of a failed member as data."""
        return app.serializer(self.content_type).loads(self.data)


unpack_part = msgspec.msgpack.Decoder(Part).decode


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What follows a join: the steps, the first of which is called with the list of values, and on whose behalf."""

    steps: list[Any]
    """Signatures, or their plain forms; none: the values are brought to `chord` in the place of one."""
    chord: str | None = None
    """The place at another join that the end of the last step is counted at."""
    parent_id: str | None = None
    root_id: str | None = None
    reply_to: str | None = None

    def pack(self, app: KernelQ) -> bytes:
        """The blob form; raises `EncodeError` for an argument that cannot be serialised."""
        content_type, steps = written(app, self.steps)
        about = {name: getattr(self, name) for name in ("chord", "parent_id", "root_id", "reply_to")}
        return _encoder.encode([content_type, steps, about])


def unpack_record(app: KernelQ, blob: bytes) -> Record:
    """The record that was packed."""
    content_type, steps, about = msgspec.msgpack.decode(blob)
    return Record(steps=app.serializer(content_type).loads(steps), **about)


def place_in(join: str, place: int) -> str:
    """The text that a member's message bears (`Message.chord`); see `NOWHERE` too."""
    return f"{join}/{place}"


def place_of(chord: str) -> tuple[str, int]:
    """(join, place) of `place_in`."""
    join, _, place = chord.rpartition("/")
    return join, int(place)


def fan_in_message(app: KernelQ, join: str, body: Any, about: Mapping[str, Any]) -> Message:
    """What a join publishes: a call of the task that follows it, to the queue where `body`, a single task, will run.

    So it goes to workers that know the body, and waits no longer than that.
    """
    options: dict[str, Any] = {}
    name = FAN_IN
    if body is not None:
        name = body["task"]
        task = app.tasks.get(name)
        options = {option: body["options"][option] for option in _ROUTE if option in body["options"]}
        if task is not None and task.queue and not options:
            options["queue"] = task.queue
    publisher = app.publisher
    routed = publisher.message(None, name, (), {}, options)
    _, compression, data = publisher.encode(FAN_IN, [[join], {}, None], routed.content_type, None)
    return replace(
        routed,
        id=derived(join, "fan-in"),
        task=FAN_IN,
        body=data,
        compression=compression,
        reply_to=about["reply_to"] or routed.reply_to,
        parent_id=about["parent_id"],
        root_id=about["root_id"],
    )
