"""`kernelq.pools`: where tasks run, and what the worker gives a pool to run them with.

The module authors of pools import. A pool is a class called as ``driver(host)``, found by name in the entry-point group
``kernelq.pools`` or given by a plugin's hook `make_pool`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from kernelq.contracts import Delivery

from .held import Held as Held
from .slot_lane import SlotLane as SlotLane
from .stop import Stop as Stop

if TYPE_CHECKING:
    from kernelq import KernelQ


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """How a running task ended with its process; `reason` is ``crashed`` or ``timed_out``.

    `detail` is for people (``signal 9``), `limit` the hard limit in seconds when it was that.
    """

    reason: str
    detail: str = ""
    limit: float | None = None
    acked: bool = False
    """It was acknowledged before it ran, so the broker knows it no longer."""


class Tracker(Protocol):
    """Told by a lane, on its thread, what it runs; prefork writes it where the supervisor can see."""

    def started(self, delivery: Delivery, soft: float | None, hard: float | None, *, acked: bool) -> None:
        """This delivery's task begins; limits in seconds; `acked` when it was acknowledged before."""

    def finished(self) -> None:
        """It ended, whatever way."""

    def settled(self, done: int) -> None:
        """So many attempts were settled."""


class Lane(Protocol):
    """One consume loop with its slots, made by the worker for a pool."""

    def run(self) -> None:
        """Consume until stopped; returns when everything it held is settled or given back."""

    def stop(self, how: Stop) -> None:
        """Ask `run` to end; from any thread or an OS signal handler."""


class PoolHost(Protocol):
    """What the worker gives a pool."""

    app: KernelQ
    hostname: str
    concurrency: int
    queues: tuple[str, ...]

    def lane(
        self,
        *,
        index: int = 0,
        consumer_id: str | None = None,
        tracker: Tracker | None = None,
        on_ready: Callable[[], None] | None = None,
    ) -> Lane:
        """A lane that runs tasks one by one on the thread that calls its `run`.

        With `consumer_id`, somebody else renews that consumer's lease (`keep`); without, this is seen to. `on_ready` is
        called when it consumes, instead of `is_ready`.
        """

    def new_consumer_id(self, index: int) -> str:
        """A consumer id never used before."""

    def keep(self, consumer_id: str) -> None:
        """From now on renew the lease of this consumer, every third of it, on the keeper's thread."""

    def drop(self, consumer_id: str) -> None:
        """Stop renewing it."""

    def hold_fork(self) -> AbstractContextManager[Any]:
        """A context manager to fork under: no thread of the host is inside a client library then."""

    def is_ready(self, index: int) -> None:
        """Say that slot `index` consumes now; the worker is ready when each of them is."""


class Pool(ABC):
    """Where tasks run: one of the drivers ``solo``, ``threads``, ``prefork``, … Made as ``driver(host)``."""

    limits: ClassVar[bool] = False
    """Whether time limits can be kept."""
    processes: ClassVar[bool] = False
    """Whether tasks run in processes of their own, which the broker must be able to serve."""
    default_concurrency: ClassVar[int | None] = None
    """How many tasks run at once where nobody says; None: as many as there are CPUs."""
    lanes: int = 1
    """How many lanes there will be; the worker is ready when each of them is."""

    def __init__(self, host: PoolHost) -> None:
        self.host = host

    @abstractmethod
    def run(self) -> None:
        """Run lanes until stopped. Called once, on the worker's main thread."""

    @abstractmethod
    def stop(self, how: Stop) -> None:
        """Ask `run` to end; from any thread or an OS signal handler; may be called again, harder."""

    def abandon(self) -> None:
        """Called inside the OS signal handler of a quick stop; may raise to break out of a task on the main thread."""
