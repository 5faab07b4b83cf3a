"""What `QueueOnce` asks of a store: who holds which key. Drivers take it from `kernelq.locks`.

A *claim* is a key held by a *token*, the id of a task; whoever names another token changes nothing. It comes in two
kinds. One with a `queue` belongs to a message there: it never ends by itself, and once its time is up (`Holder.remaining`
is not above 0) others may ask the broker whether that message is still there, and take its place (`Claim.over`). One
without ends when its time is up.

A driver is a class called as ``driver(app, url)``, found by the scheme of the URL in the entry-point group
``kernelq.locks``; like any `Store` it takes part in the settlement of deliveries where it is on the broker's engine.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence

import msgspec
from kernelq.contracts import Message, Store

__all__ = ["ANYBODY", "Claim", "Holder", "Keep", "LockStore", "Op", "Release"]

ANYBODY = "*"
"""`Claim.over`: whoever holds it."""


class Claim(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A wish to hold a key from now on."""

    key: str
    token: str
    """The id of the task it is for."""
    task: str
    """The task's name."""
    ttl: float
    """Seconds until its time is up."""
    queue: str = ""
    """Where its message waits or is to wait; empty: it ends when its time is up."""
    over: str | None = None
    """The token whose place it may take, or `ANYBODY`; None: nobody's."""


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a key."""

    key: str
    token: str
    task: str
    queue: str
    since: float
    """UTC epoch seconds, by the engine's clock."""
    remaining: float
    """Seconds until its time is up; 0 or less: it is."""


class Release(msgspec.Struct, frozen=True, gc=False):
    """Free a key that this token holds; one that another or nobody holds stays as it is."""

    key: str
    token: str


class Keep(msgspec.Struct, frozen=True, gc=False):
    """Let a claim go on for `ttl` seconds from now, in `queue`; one that another or nobody holds stays as it is."""

    key: str
    token: str
    ttl: float
    queue: str = ""


Op = Release | Keep
"""What a store is asked to do to claims that exist; each may come twice, after a crash."""


class LockStore(Store):
    """Keeps claims. Thread-safe, fork-safe; opens its connection on first use.

    A key is text of at most 250 characters. A claim without a queue whose time is up is not seen any more.
    Every method but `apply_within` raises `BackendUnavailable` when the engine is away.
    """

    @abstractmethod
    def claim(self, claims: Sequence[Claim]) -> list[Holder | None]:
        """For each, in order: None when the key is held by its token now, else who holds it. One round trip; each by itself
        is atomic.

        A key is had when it is free, held by this very token, whose claim begins anew, or held by whom `over` names.
        """

    @abstractmethod
    def apply(self, ops: Sequence[Op]) -> Sequence[Message]:
        """Do all, in this order and in one round trip; nothing follows from them."""

    @abstractmethod
    def holders(self, keys: Collection[str]) -> dict[str, Holder]:
        """Who holds these keys; free ones are left out."""

    @abstractmethod
    def claims(self, limit: int = 1000) -> list[Holder]:
        """All claims, the oldest first, at most `limit`."""

    @abstractmethod
    def free(self, key: str) -> bool:
        """Free a key, whoever holds it; whether anybody did."""

    def cleanup(self) -> int:
        """Drop claims that have ended by themselves; return how many. Called now and then by workers."""
        return 0

    def close(self) -> None:
        """Close connections; the next use opens new ones."""
