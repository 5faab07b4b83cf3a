"""The mark: a header by which a message knows its claim, wherever it goes and whatever the code says by then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from kernelq.contracts import Message, decode_body

from .key import key_of
from .rule import OF_CALL, rule_of

if TYPE_CHECKING:
    from kernelq import KernelQ, Task

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
    graceful: bool = False
    follows: bool = False
    """It took the place of another claim, whose message may be fetched after this one has ended."""
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


def said_in(headers: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a call says by itself, in its headers."""
    header = (headers or {}).get(HEADER)
    return {name: header[name] for name in OF_CALL if name in header} if isinstance(header, dict) else {}


def saying(headers: Mapping[str, Any] | None, said: Mapping[str, Any]) -> dict[str, Any]:
    """The headers of a call that says so."""
    return {**(headers or {}), HEADER: dict(said)}


def mark_for(app: KernelQ, message: Message, task: Task[..., Any]) -> Mark:
    """The mark that a message without one is to have, as its task's `once` and its caller ask for it.

    Raises:
        ImproperlyConfigured: the task's `once` cannot be read.
        TypeError, KeyError: the arguments do not fit the task, or its keys.
    """
    header = message.headers.get(HEADER)
    rule = rule_of(task, said_in(message.headers))
    args, kwargs, _ = decode_body(app, message)
    return Mark(
        key=key_of(task, args, kwargs, rule.keys), timeout=rule.timeout, policy=rule.policy, period=rule.period,
        unlock_before_run=rule.unlock_before_run, session=isinstance(header, dict) and bool(header.get("session")), graceful=rule.graceful,
    )  # fmt: skip


def stamp(message: Message, *, follows: bool = False) -> None:
    """Write into the mark that it is claimed: in place, for who admits a message cannot change it."""
    message.headers[HEADER] |= {"token": message.id, "follows": True} if follows else {"token": message.id}


def erase(message: Message) -> None:
    """Take that back."""
    message.headers[HEADER].pop("token", None)


def _read(header: dict[str, Any]) -> Mark | None:
    try:
        return msgspec.convert(header, Mark, strict=False)
    except msgspec.ValidationError:
        return None  # somebody else's header of this name
