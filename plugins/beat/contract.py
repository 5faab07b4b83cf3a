"""What beats ask of a store: who leads, which occurrences were sent, and the entries kept there. Drivers take it from `kernelq.beat`.

An *occurrence* is an entry and an instant at which it is due. However many beats run, each is claimed once: a claim moves the entry's
*mark* from one occurrence to the next, and only the leader may do so. Leadership is a lease with a *fence*, a number that grows
with each new leader, so that one who was frozen and wakes up claims nothing any more.

Where store and broker are on one engine the claim and the publishing are one step. Elsewhere the message is kept with the claim, and
forgotten once the broker has it; a new leader sends again what it finds.

Entries are named by *keys*: ``code:<name>`` for those of the app's settings, ``store:<name>`` for those that the store keeps. So neither
can take the place of the other. Apps that share an engine keep apart by their *namespace*, which is the driver's to heed. A driver is a class called as ``driver(app, url)``, found by the scheme of the URL in the entry-point
group ``kernelq.schedules``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from kernelq.contracts import Broker, Message, Store

if TYPE_CHECKING:
    from kernelq import KernelQ

TICKS = 1_000_000
"""Instants are kept in whole microseconds, so that every engine compares them exactly."""


def ticks_of(instant: float) -> int:
    """An instant (UTC epoch seconds) in microseconds."""
    return round(instant * TICKS)


def instant_of(ticks: int) -> float:
    """The instant of microseconds; `ticks_of` gives them back."""
    return ticks / TICKS


def namespace_of(app: KernelQ) -> str:
    """What keeps this app's leader, marks and entries apart from those of other apps on the same engine; "": nothing."""
    chosen: str | None = app.conf.beat_namespace
    return (app.main or "") if chosen is None else chosen


class Mark(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far an entry has come."""

    last: float
    """The latest occurrence that was claimed, or passed over; before the first, the instant it was first seen."""
    count: int = 0
    """Occurrences sent."""
    paused: bool = False


class Claim(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An entry's mark goes from `seen` to `last`; by that this occurrence is whoever's did it."""

    key: str
    seen: float | None
    """None: the entry has no mark yet."""
    last: float
    message: Message | None = None
    """What is sent of it; None: nothing, the mark alone moves."""
    watched: bool = False
    """Remember it until its task has ended (`Ended`)."""


class Sent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The broker has this occurrence's message, which the store need not keep any more; one that is watched stays open."""

    key: str
    instant: float


class Ended(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The task of this occurrence has ended, or is given up: it is open no more."""

    key: str
    instant: float


Op = Sent | Ended
"""What the end of a task may ask of a store; each may come twice, or for what is not there."""


class Open(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An occurrence that is not known to be over: nobody knows whether the broker has its `message`, or (None) its task has not ended."""

    key: str
    instant: float
    message: Message | None = None


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """All that a store knows at a moment."""

    version: int
    entries: dict[str, dict[str, Any]]
    """The definitions of the store's own entries, by name."""
    marks: dict[str, Mark]
    """By key."""
    open: Sequence[Open] = ()
    """Oldest first."""


class NotLeading(Exception):
    """Somebody else leads since, or nobody does: nothing was claimed."""


class ScheduleStore(Store):
    """Keeps who leads, marks and entries. Thread-safe, fork-safe; opens its connection on first use. Ops are `Op`s.

    Every method but `apply_within` raises `BackendUnavailable` when the engine is away.
    """

    is_shared: ClassVar[bool] = True
    """Whether workers on other machines reach it: only then is it told of the ends of tasks."""

    @abstractmethod
    def lead(self, holder: str, lease: float) -> int | None:
        """Lead, or go on leading, for `lease` seconds from now by the engine's clock: the fence; None while somebody else leads."""

    @abstractmethod
    def resign(self, holder: str) -> None:
        """Lead no more; another may at once. For whoever does not lead it does nothing."""

    @abstractmethod
    def version(self) -> int:
        """A number that changes when an entry is put, removed, paused or resumed; not by claims. Cheap."""

    @abstractmethod
    def board(self) -> Board:
        """All that is known."""

    @abstractmethod
    def claim(self, claim: Claim, *, fence: int, broker: Broker | None = None) -> bool:
        """Move a mark; False, and nothing is done, if it does not stand where the claim has seen it.

        With `broker`, which is on the same engine, the message is published in the same step. Without, it is kept until
        `Sent` or `Ended` is said. `Mark.count` grows by one with each message.

        Raises:
            NotLeading: `fence` is not that of a leader in its lease.
            BrokerUnavailable: the same as `BackendUnavailable`, from the broker's side; it may or may not be done.
        """

    @abstractmethod
    def put(self, name: str, definition: dict[str, Any], *, is_new: bool) -> bool:
        """Keep an entry, in the place of one of this name; False, and nothing is done, if `is_new` is not what is so."""

    @abstractmethod
    def remove(self, key: str) -> bool:
        """Forget an entry of the store's with its mark and what is open of it; of a ``code:`` key the latter two. Whether there was any."""

    @abstractmethod
    def pause(self, key: str, paused: bool, *, now: float) -> None:
        """Set whether an entry is paused; a mark is made at `now` if it has none. Resumed, it goes on from `now`."""

    def publishes_with(self, broker: Broker) -> bool:
        """Whether a claim can publish through this broker in one step."""
        return self.engine is not None and self.engine is broker.engine

    def close(self) -> None:
        """Close connections; the next use opens new ones."""
