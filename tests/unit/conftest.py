"""What the kernel's tests share: an app in memory, and a lane worked by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kernelq import KernelQ
from kernelq.contracts import Delivery, Executor, Settler, Transition


class HandLane:
    """A lane without a loop: it takes, runs and settles when it is told to, on the test's own thread."""

    def __init__(self, app: KernelQ, *queues: str) -> None:
        self.consumer = app.broker.consumer(queues or ("default",), id="hand", lease=15.0)
        self.settler = Settler(app, self.consumer)
        self.executor = Executor(app, "hand@test", self)
        self.commits: list[Transition] = []
        """What the executor would not leave to the batch."""

    def take(self) -> Delivery:
        """The one delivery that comes next; it is leased to this lane."""
        (delivery,) = self.consumer.fetch(1, 0)
        return delivery

    def run(self, delivery: Delivery | None = None) -> Transition | None:
        """Run a delivery, or the next one; what the executor gives back, settled."""
        transition = self.executor.run(delivery or self.take())
        if transition is not None:
            assert not self.settler.settle([transition])
        return transition

    def run_all(self) -> list[Transition]:
        """Run all that is ready, and what becomes ready by that; what was left to settle."""
        transitions = []
        while deliveries := self.consumer.fetch(1, 0):
            transitions.append(self.run(deliveries[0]))
        return [transition for transition in transitions if transition is not None]

    # --- what executors ask of a lane

    def commit(self, transition: Transition) -> bool:
        self.commits.append(transition)
        return not self.settler.settle([transition])

    def commit_detached(self, transition: Transition) -> None:
        self.settler.detached(transition.successors, transition.effects)

    def mark_started(self, delivery: Delivery) -> None:
        self.consumer.mark_started([delivery])


@pytest.fixture
def app() -> Iterator[KernelQ]:
    with KernelQ("proj", broker="memory://", backend="memory://", set_as_current=False) as app:
        yield app


@pytest.fixture
def lane(app: KernelQ) -> HandLane:
    """A lane of `app`, worked by hand. Settings must be made before the test asks for it: use `lane_of` then."""
    return HandLane(app)


@pytest.fixture
def lane_of() -> type[HandLane]:
    """Makes lanes of an app and queues."""
    return HandLane
