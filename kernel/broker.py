"""The broker contract: messages in, deliveries out, transitions back; every call a batch.

Leases belong to consumers, not to messages: every delivery a consumer holds is safe as long as
somebody calls `Broker.renew` with the consumer's id often enough, from whichever process. Clocks are
the engine's. Each hand-out of a message gets a higher `Delivery.fence`, and settling with a stale one
changes nothing.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from .engine import Capabilities, Engine, Finding
from .errors import CapabilityMissing
from .message import Message, Undecodable
from .store import Effect


class Delivery(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """One handing-out of one message to one consumer; settled exactly once.

    `fence` counts the hand-outs of this message, from 1. `crashes` counts the times its run is known
    to have died with its process. `suspect` means that a holder vanished before without saying
    whether this message had begun: it must be marked (`Consumer.mark_started`) before it runs.
    """

    message: Message | Undecodable
    queue: str
    tag: Any = None
    """The broker's own handle."""
    fence: int = 1
    crashes: int = 0
    suspect: bool = False
    revoked: bool = False
    """Its task id is marked by `Broker.revoke`: to be ended unrun."""

    @property
    def redelivered(self) -> bool:
        """Whether it was handed out before."""
        return self.fence > 1


class Verdict(enum.Enum):
    """What becomes of a delivery."""

    ACK = "ack"
    """Done; the broker forgets it."""
    REQUEUE = "requeue"
    """Not begun: back to its place in its queue, uncharged."""
    PARK = "park"
    """Not for now: back to its queue, to be handed out again after `Transition.delay` seconds."""
    CRASHED = "crashed"
    """Its process died: back to its place, one crash charged."""
    DEAD = "dead"
    """To the dead letters, raw, with `Transition.reason`."""


class Transition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All that the end of one attempt causes, committed together where the engine can.

    Otherwise in this order: successors published, effects applied, delivery settled; each idempotent,
    so a crash in between repeats and never loses.
    """

    delivery: Delivery
    verdict: Verdict = Verdict.ACK
    reason: str = ""
    delay: float = 0.0
    successors: tuple[Message, ...] = ()
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """How a queue stands; `oldest_ready_at` is when its oldest ready message was published, or None."""

    name: str
    ready: int = 0
    delayed: int = 0
    running: int = 0
    dead: int = 0
    oldest_ready_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message kept aside, as it came (`raw`), with the reason; `ref` names it to the broker."""

    ref: str
    queue: str
    reason: str
    died_at: float
    raw: bytes
    message: Message | None = None
    """None when the bytes cannot be read."""


class Consumer(ABC):
    """One lane's hold on some queues. Used by one thread at a time, except `wake`."""

    id: str
    """Given by whoever made it; names the lease."""

    @abstractmethod
    def fetch(self, limit: int, timeout: float) -> list[Delivery]:
        """Take up to `limit` deliveries, waiting at most `timeout` seconds for the first.

        Returns at once with what is there, highest priority first, then oldest first; an empty list
        means nothing came in time or `wake` was called. Every delivery returned is leased to `id`. Messages
        whose holder's lease ended are taken back in here and handed out like others. `timeout` 0
        does not wait.

        Raises:
            BrokerUnavailable: the connection was lost; nothing is leased that will not come back, even while the lease
                of this id goes on being renewed.
        """

    @abstractmethod
    def settle(self, transitions: Sequence[Transition]) -> list[Transition]:
        """Carry out all transitions in one round trip; return the refused ones.

        Refused is a transition whose delivery is no longer leased to this consumer under that fence:
        nothing of it is done, no successor published, no effect applied. The effects given are
        only those of stores that share this broker's engine.

        Raises:
            BrokerUnavailable: nothing is known; settling again later is safe.
        """

    def exchange(self, transitions: Sequence[Transition], limit: int) -> tuple[list[Transition], list[Delivery]]:
        """`settle`, then `fetch` up to `limit` without waiting, in one round trip: (refused, taken).

        Optional: by itself it takes nothing, and who wants more fetches. When only the fetch fails it takes nothing.
        """
        return self.settle(transitions), []

    def mark_started(self, deliveries: Sequence[Delivery]) -> None:
        """Write down that these begin to run, so that a crash is charged to the right ones.

        Called only for suspects. An engine that counts hand-outs itself need not do anything.
        """

    @abstractmethod
    def take_over(self, consumer_id: str) -> list[Delivery]:
        """Lease to this consumer, under new fences, all that `consumer_id` holds; it is known to be dead.

        An engine that gives a dead connection's messages back by itself returns an empty list.
        """

    def held(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Those of these that are still leased to this consumer under their fences.

        Asked, after a renewal, before stores on other engines are written to, and after a lost connection before
        what waits in the lane is run. An engine whose leases end with the connection leaves out what an earlier
        connection brought.

        Raises:
            BrokerUnavailable: nothing is known.
        """
        return list(deliveries)

    @abstractmethod
    def wake(self) -> None:
        """Make a waiting `fetch` return at once. From any thread; before a `fetch` it ends that one."""

    def discard(self) -> None:
        """Free this object's connections without a word to the engine: another one of the same id takes its place."""

    @abstractmethod
    def close(self) -> None:
        """Give everything unsettled back, uncharged, and end the lease."""


class Broker(ABC):
    """The driver that keeps messages and hands them out. Made as ``driver(app, url)``.

    Thread-safe, and usable in a forked child. Opens its connection on first use.
    """

    capabilities: Capabilities
    """The most the driver can do, as a class attribute; an instance may have less, as its settings ask."""
    engine: Engine | None = None
    """Set when stores on the same engine can take part in `Consumer.settle`."""

    @abstractmethod
    def publish(self, messages: Sequence[Message]) -> None:
        """Accept all messages or none, in one round trip.

        A message whose `key` already waits or is leased is left out: publishing is idempotent (`Capabilities.dedup`).
        One with an eta in the future waits inside the engine.

        Raises:
            BrokerUnavailable: not reachable within the time allowed; nothing is known to be accepted.
            BrokerFull: the engine takes no more now.
        """

    def publish_within(self, session: Any, messages: Sequence[Message]) -> None:
        """Publish as part of the caller's own transaction: accepted if and only if that commits.

        Raises:
            CapabilityMissing: the engine has no transactions that a caller could share.
        """
        raise CapabilityMissing(f"{type(self).__name__} cannot publish within a session; only SQL brokers can")

    @abstractmethod
    def consumer(self, queues: Sequence[str], *, id: str, lease: float) -> Consumer:
        """A consumer of `queues` under the name `id`, whose lease lasts `lease` seconds unrenewed."""

    @abstractmethod
    def renew(self, consumer_ids: Sequence[str]) -> list[str]:
        """Renew the leases of these consumers; return those whose lease had already ended.

        From any thread or process. One round trip.
        """

    @abstractmethod
    def queues(self) -> list[QueueStats]:
        """Every queue that holds something or is known, by name."""

    @abstractmethod
    def purge(self, queue: str) -> int:
        """Drop what waits in `queue` (ready and delayed, not what runs); return how many."""

    def drop(self, queue: str) -> None:
        """Forget a queue with all that waits in it; an unknown one is no error."""
        self.purge(queue)

    def revoke(self, ids: Collection[str], ttl: float) -> list[str]:
        """Mark task ids for `ttl` seconds: from now on their messages are handed out as `Delivery.revoked`; durable as they are.

        What waits for an eta becomes ready; a retry may keep its time. What was handed out before is left alone until it
        comes back. Marking again begins the time anew, 0 ends it. Returns the ids that have a message waiting, but for those of retries.

        Raises:
            CapabilityMissing: the engine keeps nothing beside its messages (`Capabilities.revoking`).
        """
        raise CapabilityMissing(f"{type(self).__name__} keeps no marks of revoked tasks; give tasks `expires` there")

    @abstractmethod
    def dead(self, *, queue: str | None = None, limit: int = 100) -> list[DeadLetter]:
        """The newest dead letters, of one queue or of all."""

    @abstractmethod
    def dead_retry(self, refs: Collection[str]) -> int:
        """Put dead letters back into their queues with a clean slate; return how many were there.

        The fence of a message goes on counting, so that its new attempt may replace its failure.
        """

    @abstractmethod
    def dead_purge(self, refs: Collection[str] | None = None) -> int:
        """Forget dead letters for good (None: all); return how many."""

    def examine(self) -> list[Finding]:
        """Look at the server's settings that decide whether messages are safe there. Called when a worker starts.

        Raises:
            BrokerUnavailable: not reachable.
        """
        return []

    @abstractmethod
    def close(self) -> None:
        """Close connections; the next use opens new ones."""
