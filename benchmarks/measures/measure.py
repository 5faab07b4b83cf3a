"""A measure: something done to a stand, and the numbers that come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.peers import Peer
from benchmarks.stand import Stand

Numbers = dict[str, float]

FAR_BEHIND = 3.0
"""A peer so many times slower than the fastest one is left out of further repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured."""

    scale: float = 1.0
    """Of each peer's own number of tasks."""
    single: int = 10_000
    """Messages published one by one, at most."""
    round_trips: int = 1000
    due: int = 20_000
    """Tasks due at one moment."""
    idle: float = 60.0
    """Seconds of looking at an idle worker: what it does every 20 s is in them three times, wherever they begin."""
    payloads: int = 1000
    mixed: tuple[int, int, float] = (1000, 10, 60.0)
    """Short tasks, long tasks, and the seconds over which they are published: a long one (5 s) ends before the next one comes."""
    group: int = 1000
    chain: int = 100
    wide: int = 100_000
    """Tasks of the header of a very wide chord."""
    waiting: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    """Messages that wait, for the measure of growth."""
    starts: int = 5
    """How often workers start on each of these."""
    limit: int = 20_000

    def tasks(self, peer: Peer) -> int:
        """Tasks of one drain of `peer`."""
        return max(200, int(peer.n * self.scale))


FULL = Size()

QUICK = Size(
    scale=0.2,
    single=2000,
    round_trips=200,
    due=2000,
    idle=3.0,
    payloads=200,
    mixed=(120, 1, 7.0),
    group=200,
    chain=30,
    wide=5000,
    waiting=(10_000, 50_000),
    starts=3,
    limit=5000,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What is done to each peer that names it among its measures."""

    name: str
    run: Callable[[Stand, Size], Numbers]
    repeats: int = 1000
    """At most so often: those that take a minute are not repeated as often as the others."""
    decisive: str = ""
    """The number by which a peer that is far behind is no longer measured; without one all are, each time."""
    is_cost: bool = False
    """Whether less of it is better."""
    chances: int = 2
    """How often every peer is measured."""

    def is_far_behind(self, value: float, fastest: float) -> bool:
        """Whether a peer with that number need not be measured again, beside the fastest peer's."""
        return value > FAR_BEHIND * fastest if self.is_cost else value * FAR_BEHIND < fastest
