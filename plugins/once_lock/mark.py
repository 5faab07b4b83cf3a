"""The mark: a header by which a message knows its claim, wherever it goes and whatever the code says by then."""

from __future__ import annotations

from typing import Any

import msgspec
from kernelq.contracts import Message

HEADER = "kernelq_once"
"""A mapping: of a call, what it says by itself (`rule.of_call`, `session`); then a `Mark`, once the message is made."""


class Mark(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a message has claimed."""

    key: str
    timeout: float
    policy: str = "refuse"
    period: float = 0.0
    unlock_before_run: bool = False
    session: bool = False
    token: str = ""
    """The task it was claimed for; without one nothing was, and of a message of another id it says nothing."""


def mark_of(message: Message) -> Mark | None:
    """The mark of a message that holds, or held, a claim; None of any other."""
    header = message.headers.get(HEADER)
    if not isinstance(header, dict) or header.get("token") != message.id:
        return None
    return _read(header)


def unclaimed(message: Message) -> Mark | None:
    """The mark of a message that is to claim; None of any other."""
    header = message.headers.get(HEADER)
    if not isinstance(header, dict) or "key" not in header or header.get("token") == message.id:
        return None
    return _read(header)


def marked(message: Message, mark: Mark) -> Message:
    """The message with this mark."""
    headers: dict[str, Any] = {**message.headers, HEADER: msgspec.to_builtins(mark)}
    return msgspec.structs.replace(message, headers=headers)


def stamp(message: Message) -> None:
    """Write into the mark that it is claimed: in place, for who admits a message cannot change it."""
    message.headers[HEADER]["token"] = message.id


def erase(message: Message) -> None:
    """Take that back."""
    message.headers[HEADER].pop("token", None)


def _read(header: dict[str, Any]) -> Mark | None:
    try:
        return msgspec.convert(header, Mark, strict=False)
    except msgspec.ValidationError:
        return None  # somebody else's header of this name
