"""What the canvas asks of a store: where the ends of a workflow's tasks meet. Drivers take it from `kernelq.workflows`.

A *join* is a point that waits for some tasks, its *members*: those of a chord's header. Each member has a *place* in it, and
brings a *part* there when it ends, once: a place that is taken stays as it is, so that a member which ends twice
counts once. When the last place is taken, or a member failed, the join *fires*: its message is published, whose task
reads the parts and does what follows, and closes the join with its own end.

A driver is a class called as ``driver(app, url)``, found by the scheme of the URL in the entry-point group
``kernelq.workflows``; like any `Store` it takes part in the settlement of deliveries where it is on the broker's engine.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence

import msgspec
from kernelq.contracts import Message, Store

__all__ = [
    "DONE", "FAILED", "FIRED", "WAITING", "Arrive", "Close", "Drop", "Forget", "Join", "Keep", "Op", "Open", "Reopen", "WorkflowStore",
]  # fmt: skip

WAITING = "waiting"
"""Not every place is taken."""
FIRED = "fired"
"""Its message was published, and is to run or runs."""
DONE = "done"
"""What was to follow has followed; parts that still come are dropped, and so are all parts."""
FAILED = "failed"
"""The same, after a member failed; parts are kept, for who wants to go on from there (`Reopen`)."""


class Open(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Begin a join, or say more of one; parts may have come before it, and then it may fire at once.

    Of a join that is known, `size` is set if it was None before, and nothing else changes; to begin it anew, `Forget` it first.
    """

    join: str
    message: Message
    """What it publishes; the same whenever it fires."""
    record: bytes = b""
    """What its task has to know; given back by `WorkflowStore.join`."""
    size: int | None = None
    """How many places; None: not known yet. A join of no places fires at once."""


class Arrive(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A member has ended: its part takes its place.

    A part for a place that is taken is dropped; if the join has fired and is not closed, its message is published
    again then, for its first publishing may have been lost. Parts for an unknown join are kept until it is opened.
    """

    join: str
    place: int
    part: bytes
    failed: bool = False
    """The join fires now, whoever else is missing."""


class Close(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was to follow has followed. A join that is closed already, or unknown, stays as it is."""

    join: str
    state: str = DONE
    """`DONE` or `FAILED`."""
    ttl: float | None = None
    """Seconds until it is forgotten; None: never."""


class Reopen(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Let a `FAILED` join wait again: the places of failed members are free. Any other stays as it is."""

    join: str


class Forget(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Forget a join with its parts, whatever its state; an unknown one is no error."""

    join: str


class Keep(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Keep a value under a key, in the place of an earlier one; `ttl` seconds, or for ever."""

    key: str
    value: bytes
    ttl: float | None = None


class Drop(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Forget a kept value; an unknown key is no error."""

    key: str


Op = Open | Arrive | Close | Reopen | Forget | Keep | Drop
"""What a store is asked to do; each may come twice, after a crash."""


class Join(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a join."""

    state: str
    record: bytes
    size: int | None
    arrived: int
    """Places taken."""
    failed: int | None = None
    """The place whose failure came first since it was opened or reopened."""
    opened_at: float = 0.0
    """UTC epoch seconds, by the engine's clock."""


class WorkflowStore(Store):
    """Keeps joins and values. Thread-safe, fork-safe; opens its connection on first use.

    Every method but `apply_within` raises `BackendUnavailable` when the engine is away.
    """

    @abstractmethod
    def apply(self, ops: Sequence[Op]) -> Sequence[Message]:
        """Do all, in this order and in one round trip; return the messages of joins that fired, which the caller publishes."""

    @abstractmethod
    def join(self, join: str) -> Join | None:
        """What is known of a join; None for one that was never opened, or is forgotten."""

    @abstractmethod
    def parts(self, join: str, start: int, stop: int) -> list[bytes | None]:
        """The parts of the places from `start` up to, not including, `stop`; None where none came."""

    @abstractmethod
    def kept(self, keys: Collection[str]) -> dict[str, bytes]:
        """The values kept under these keys; unknown and outlived ones are left out. Any number of keys."""

    @abstractmethod
    def overdue(self, *, fired: float, open: float) -> list[Message]:
        """The messages of joins that fired more than `fired` seconds ago and are not closed, and of those that wait since more
        than `open` seconds, which fire by that. Publishing one again is harmless. At most 1000; oldest first.

        A join never opened (parts came, and nobody said what for) is forgotten when its first part is `open` seconds old.
        """

    def cleanup(self) -> int:
        """Drop what has outlived its `ttl`; return how many. Called now and then by workers."""
        return 0

    def close(self) -> None:
        """Close connections; the next use opens new ones."""
