"""The keeper: renews leases from a thread of its own, whatever happens to the broker meanwhile."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
from kernelq import KernelQ, hookimpl
from kernelq.contracts import BackendUnavailable, BrokerFull, BrokerUnavailable
from kernelq.errors import StepFailed
from kernelq_plugins.worker import keeper as module
from kernelq_plugins.worker.keeper import Keeper

PATIENCE = 30.0
"""Seconds a test waits for what must come."""


class Engine:
    """Broker and backend of a test: answers each renewal with what comes next, and hands out what it was asked."""

    engine = None

    def __init__(self) -> None:
        self.answers: list[list[str] | Exception] = []
        self.asked: queue.Queue[list[str]] = queue.Queue()
        self.cleaned = threading.Event()

    def renew(self, consumer_ids: Sequence[str]) -> list[str]:
        self.asked.put(list(consumer_ids))
        answer = self.answers.pop(0) if self.answers else []
        if isinstance(answer, Exception):
            raise answer
        return answer

    def cleanup(self) -> int:
        self.cleaned.set()
        return 3

    def close(self) -> None: ...

    def wait_for_renewals(self, count: int) -> list[str]:
        """The consumers named in the last of so many renewals."""
        return [self.asked.get(timeout=PATIENCE) for _ in range(count)][-1]


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def make(engine: Engine) -> Iterator[Callable[..., Keeper]]:
    """Make a keeper whose broker is `engine`, and which renews every ten milliseconds."""

    class Brings:
        @hookimpl
        def make_broker(self, url: str) -> Engine:
            return engine

        @hookimpl
        def make_backend(self, url: str) -> Engine:
            return engine

    app = KernelQ("proj", broker="odd://", backend="odd://", set_as_current=False)
    app.register_plugin(Brings())
    made: list[Keeper] = []

    def make(on_found: Callable[[], None] = lambda: None) -> Keeper:
        keeper = Keeper(app, lease=0.03, on_found=on_found)
        keeper.ids |= {"b", "a"}
        made.append(keeper)
        keeper.start()
        return keeper

    yield make
    for keeper in made:
        keeper.stop()


def test_leases_are_renewed_again_and_again_all_in_one_call(engine: Engine, make: Callable[..., Keeper]) -> None:
    keeper = make()
    assert engine.wait_for_renewals(2) == ["a", "b"]

    keeper.ids.discard("a")

    assert engine.wait_for_renewals(2) == ["b"]


def test_a_lease_that_had_ended_is_told(
    engine: Engine, make: Callable[..., Keeper], caplog: pytest.LogCaptureFixture
) -> None:
    engine.answers = [[], ["a"]]

    make()
    engine.wait_for_renewals(3)

    assert "the lease of a had ended; what it held may run elsewhere" in caplog.text


def test_a_lease_that_has_not_begun_is_not_told_as_ended(
    engine: Engine, make: Callable[..., Keeper], caplog: pytest.LogCaptureFixture
) -> None:
    engine.answers = [["a"]]

    make()
    engine.wait_for_renewals(2)

    assert "had ended" not in caplog.text


@pytest.mark.parametrize("error", [BrokerUnavailable("away"), BrokerFull("full"), BackendUnavailable("away")])
def test_a_broker_that_was_away_or_full_is_told_once_and_found_again(
    engine: Engine, make: Callable[..., Keeper], error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    engine.answers = [error, error, error]
    found = threading.Event()

    make(found.set)

    assert found.wait(PATIENCE)
    engine.wait_for_renewals(6)
    assert caplog.text.count("cannot renew leases, the broker is away or full") == 1
    assert caplog.text.count("the broker is back") == 1


def test_what_could_not_start_again_with_the_broker_is_tried_again(
    engine: Engine, make: Callable[..., Keeper], caplog: pytest.LogCaptureFixture
) -> None:
    engine.answers = [BrokerUnavailable("away")]
    found = threading.Event()
    fails = [StepFailed("Dog", "bootstep 'Dog' could not start: asleep")]

    def on_found() -> None:
        if fails:
            raise fails.pop()
        found.set()

    make(on_found)

    assert found.wait(PATIENCE)
    assert "the broker is back, but bootstep 'Dog' could not start: asleep; trying again" in caplog.text


def test_outlived_results_are_dropped_now_and_then(
    engine: Engine, make: Callable[..., Keeper], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(module, "CLEANUP_EVERY", 0.0)

    make()

    assert engine.cleaned.wait(PATIENCE)
    engine.wait_for_renewals(2)
    assert "dropped 3 outlived results" in caplog.text


def test_nobody_renews_while_a_fork_is_under_way(engine: Engine, make: Callable[..., Keeper]) -> None:
    keeper = make()
    engine.wait_for_renewals(1)

    with keeper.talking:
        while not engine.asked.empty():
            engine.asked.get()
        with pytest.raises(queue.Empty):
            engine.asked.get(timeout=0.05)

    engine.wait_for_renewals(1)


def test_a_keeper_that_was_not_started_may_be_stopped(engine: Engine) -> None:
    Keeper(KernelQ("proj", broker="memory://", set_as_current=False), 1.0, on_found=lambda: None).stop()

    assert engine.asked.empty()
