"""The bench a broker is tested on: its app, its broker and consumers, made and closed for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pytest
from kernelq import KernelQ
from kernelq.contracts import Broker, Consumer

from .behaviour import skip_unless_able
from .samples import QUEUE

ENOUGH = 60.0
"""Seconds: a lease that does not end while a test runs."""


class Consume(Protocol):
    """Makes consumers that are closed when the test ends."""

    def __call__(self, *queues: str, lease: float = ENOUGH) -> Consumer:
        """A consumer of these queues, of the sample queue when there are none."""


class BrokerBench:
    """What a subclass says about its broker, and the fixtures made of it."""

    url: ClassVar[str] = ""
    """The URL of an engine that is empty for every test; or override `make_url`."""
    lease: ClassVar[float] = 0.3
    """Seconds a lease lasts that a test lets end."""
    steady_lease: ClassVar[float] = 3.0
    """Seconds a lease lasts that a test lets end after it did something under it: a busy machine stands still for a second."""

    def make_url(self, folder: Path) -> str:
        """The URL of an empty engine; `folder` is an empty directory to keep it in."""
        assert self.url, f"{type(self).__name__} says neither `url` nor `make_url`"
        return self.url

    def make_app(self, url: str) -> KernelQ:
        """The app whose broker is tested; its backend is used for what happens in one transaction."""
        return KernelQ("conformance", broker=url, backend=url, set_as_current=False)

    def plant_garbage(self, broker: Broker, queue: str, raw: bytes) -> None:
        """Put bytes that are no message into a queue, behind the broker's back."""
        pytest.skip(f"{type(self).__name__} does not say how to plant garbage")

    def session_on(self, url: str) -> AbstractContextManager[Any]:
        """A session of the caller's own on the engine's database, with ``commit`` and ``rollback``; for `publish_within`."""
        pytest.skip(f"{type(self).__name__} does not say how to open a session")

    def set_clock(self, broker: Broker, now: Callable[[], float]) -> bool:
        """Make the driver read this clock; False when it cannot, and then no test moves the time."""
        for owner in (broker, broker.engine):
            if hasattr(owner, "now"):
                owner.now = now  # type: ignore[union-attr]  # it has, see above
                return True
        return False

    @pytest.fixture
    def app(self, tmp_path: Path) -> Iterator[KernelQ]:
        with self.make_app(self.make_url(tmp_path)) as app:
            yield app

    @pytest.fixture
    def broker(self, app: KernelQ) -> Broker:
        return app.broker

    @pytest.fixture(autouse=True)
    def _is_able(self, request: pytest.FixtureRequest, broker: Broker) -> None:
        skip_unless_able(request.function, broker.capabilities)

    @pytest.fixture
    def consume(self, broker: Broker) -> Iterator[Consume]:
        opened: list[Consumer] = []
        numbers = count(1)

        def make(*queues: str, lease: float = ENOUGH) -> Consumer:
            consumer = broker.consumer(queues or (QUEUE,), id=f"consumer-{next(numbers)}", lease=lease)
            opened.append(consumer)
            return consumer

        yield make
        for consumer in opened:
            consumer.close()
