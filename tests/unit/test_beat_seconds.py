"""An occurrence that was sent twice, where broker and store of schedules are two engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernelq import KernelQ
from kernelq.beat import Claim, ScheduleEntry, ScheduleStore, Sent
from kernelq.testing import start_worker
from kernelq_plugins.beat.finding import shared_store
from kernelq_plugins.beat.sending import message_of
from waiting import until

T = 1_790_000_000.0


@pytest.fixture
def app(tmp_path: Path) -> Iterator[KernelQ]:
    url = f"sqlite:///{tmp_path}/schedules.sqlite3"
    with KernelQ("twice", broker="memory://", backend=None, schedule_store=url, set_as_current=False) as app:
        yield app


@pytest.fixture
def ran(app: KernelQ) -> list[str]:
    """The ids of the tasks that ran."""
    ids: list[str] = []

    @app.task(name="tick", bind=True, max_retries=1)
    def tick(self: Any, retries: bool = False) -> None:
        ids.append(self.request.id)
        if retries and not self.request.retries:
            raise self.retry(countdown=0)

    return ids


def claimed(app: KernelQ, instant: float = T, **entry: Any) -> tuple[ScheduleStore, Any]:
    """The store, and the message of an occurrence that was claimed there."""
    store = shared_store(app)
    assert store is not None
    fence = store.lead("beat", 60.0)
    assert fence is not None
    made = ScheduleEntry(name="poll", task="tick", schedule=10.0, app=app, **entry)
    message = message_of(app, made, instant, is_told=True)
    mark = store.board().marks.get(made.key)
    seen = None if mark is None else mark.last
    assert store.claim(Claim(key=made.key, seen=seen, last=instant, message=message, watched=True), fence=fence)
    return store, message


def test_what_has_ended_is_left(app: KernelQ, ran: list[str]) -> None:
    store, message = claimed(app)

    with start_worker(app, pool="threads"):
        app.broker.publish([message])
        until(lambda: store.has_ended("code:poll", T), "the end")
        app.broker.publish([message])
        until(lambda: not any(queue.ready or queue.running for queue in app.broker.queues()), "an empty queue")

    assert ran == [message.id]


def test_its_message_may_be_said_to_be_sent_before_and_after(app: KernelQ, ran: list[str]) -> None:
    store, message = claimed(app)
    store.apply([Sent(key="code:poll", instant=T)])

    with start_worker(app, pool="threads"):
        app.broker.publish([message])
        until(lambda: store.has_ended("code:poll", T), "the end")
        store.apply([Sent(key="code:poll", instant=T)])
        assert store.has_ended("code:poll", T)

    assert ran == [message.id]


def test_a_retry_runs(app: KernelQ, ran: list[str]) -> None:
    store, message = claimed(app, kwargs={"retries": True})

    with start_worker(app, pool="threads"):
        app.broker.publish([message])
        until(lambda: store.has_ended("code:poll", T), "the end")

    assert ran == [message.id, message.id]


def test_the_next_occurrence_runs(app: KernelQ, ran: list[str]) -> None:
    store, first = claimed(app)
    _, second = claimed(app, T + 10)

    with start_worker(app, pool="threads"):
        app.broker.publish([first, second])
        until(lambda: store.has_ended("code:poll", T + 10), "the end")

    assert sorted(ran) == sorted([first.id, second.id])


def test_what_was_sent_before_its_entry_was_removed_runs(app: KernelQ, ran: list[str]) -> None:
    store, message = claimed(app)
    store.remove("code:poll")

    with start_worker(app, pool="threads"):
        app.broker.publish([message])
        until(lambda: ran, "the run")

    assert ran == [message.id]
