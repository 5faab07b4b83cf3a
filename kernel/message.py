"""The message: one task to run once, as it travels.

A `Message` is the head of the task message protocol version 2 (the fields Celery documents) plus the
serialised body ``[args, kwargs, {callbacks, errbacks, chain, chord}]``. Engines that keep one blob
per message store `pack(message)`: a msgpack map of the fields that differ from their defaults, so
unknown fields of a newer version are skipped and missing ones default. An engine with headers of
its own (AMQP) maps the fields to protocol headers instead.
"""

from __future__ import annotations

from typing import Any

import msgspec

PROTOCOL = 2
JSON = "application/json"


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What travels; immutable. Change one with `msgspec.structs.replace`.

    Instants (`eta`, `expires`, `sent_at`) are UTC epoch seconds. `body` is the serialised triple.
    `key` is the identity engines deduplicate by: publishing a key that waits or is leased is a no-op.
    """

    id: str
    task: str
    body: bytes
    content_type: str = JSON
    content_encoding: str = "utf-8"
    compression: str | None = None
    queue: str = "default"
    exchange: str = ""
    routing_key: str = ""
    priority: int = 0
    """0 to 9, the higher the sooner, on every engine."""
    eta: float | None = None
    expires: float | None = None
    retries: int = 0
    replaced: int = 0
    """How many times `Task.replace` put this task in another's place (replaced_task_nesting)."""
    root_id: str | None = None
    parent_id: str | None = None
    group: str | None = None
    group_index: int | None = None
    chord: str | None = None
    """``<id of a join>/<place>``: where the canvas counts the end of this task; "": nowhere, but it is in a workflow."""
    timelimit: tuple[float | None, float | None] | None = None
    """(hard, soft) in seconds; None takes the task's own."""
    ignore_result: bool | None = None
    shadow: str | None = None
    argsrepr: str | None = None
    kwargsrepr: str | None = None
    origin: str | None = None
    reply_to: str | None = None
    sent_at: float | None = None
    stamps: dict[str, Any] = {}
    stamped_headers: tuple[str, ...] = ()
    headers: dict[str, Any] = {}
    """The caller's own headers."""
    properties: dict[str, Any] = {}
    """Options meant for one engine (delivery_mode, mandatory, …); the others ignore them."""
    protocol: int = PROTOCOL

    @property
    def key(self) -> str:
        """Identity of this run: the task id, told apart by retry and replacement."""
        if self.retries or self.replaced:
            return f"{self.id}:{self.replaced}:{self.retries}"
        return self.id


class Undecodable(msgspec.Struct, frozen=True):
    """Stands where a `Message` should be when the bytes cannot be read; kept raw, never dropped."""

    raw: bytes
    reason: str


class Admission(msgspec.Struct, frozen=True):
    """What a plugin says of a message before it is published; see the hook `admit`."""

    accepted: bool
    holder_id: str | None = None
    """The id of the task that is queued already, when refused in its favour."""
    error: Exception | None = None
    """What the caller gets to see; None hands out the holder's result instead."""

    @classmethod
    def refuse(cls, holder_id: str | None = None, error: Exception | None = None) -> Admission:
        """Not to be published: raise `error`, or give the caller the result of `holder_id`."""
        return cls(False, holder_id, error)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)

pack = _encoder.encode
"""`pack(message) -> bytes`: the blob form; `unpack` reads it back."""


def unpack(blob: bytes) -> Message | Undecodable:
    """Read a blob made by `pack`; never raises: what cannot be read comes back as `Undecodable`."""
    try:
        message = _decoder.decode(blob)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Undecodable(bytes(blob), f"not a message: {error}")
    if message.protocol != PROTOCOL:
        return Undecodable(bytes(blob), f"expected task message protocol {PROTOCOL}, got {message.protocol}")
    return message
