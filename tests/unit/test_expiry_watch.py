"""The expiry watch: when it warns, what it says, and what it counts."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

import pytest
from kernelq import KernelQ
from kernelq_plugins.expiry_watch import FEW
from kernelq_plugins.expiry_watch.tally import Tally
from kernelq_plugins.expiry_watch.watch import Watch, expired_counts

Count = Callable[..., None]

WINDOW = 20
PERIOD = 300.0


class Clock:
    """UTC seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(app: KernelQ, clock: Clock) -> Watch:
    for name in ("sync", "mail"):
        app.task(name=name)(lambda: None)
    return Watch(app, clock)


@pytest.fixture
def expire(app: KernelQ, watch: Watch) -> Count:
    """Let messages of a task expire."""

    def expire(count: int, name: str = "sync") -> None:
        for _ in range(count):
            watch.task_revoked(task=app.tasks[name], expired=True)

    return expire


@pytest.fixture
def succeed(app: KernelQ, clock: Clock) -> Count:
    """Let messages of a task run, as a worker counts them."""

    def succeed(count: int, name: str = "sync") -> None:
        app.tasks[name].runs.ended += count
        app.tasks[name].runs.succeeded_at = clock.now

    return succeed


def test_a_task_whose_messages_all_expire_is_warned_of_once(caplog: pytest.LogCaptureFixture, expire: Count) -> None:
    expire(40)

    assert caplog.messages == [
        f"task sync: {FEW} of its last {FEW} messages expired before they could run; none has succeeded since this "
        "worker started. Add workers, give them longer to begin (expires), or send fewer"
    ]
    assert caplog.records[0].levelno == logging.WARNING


def test_fewer_messages_than_show_a_trend_are_no_reason_to_warn(
    caplog: pytest.LogCaptureFixture, expire: Count
) -> None:
    expire(FEW - 1)

    assert caplog.messages == []


def test_the_warning_names_the_age_of_the_last_success(
    clock: Clock, caplog: pytest.LogCaptureFixture, expire: Count, succeed: Count
) -> None:
    succeed(1)
    clock.now += 420.0

    expire(WINDOW)

    assert "the last success was 7 min ago" in caplog.text
    assert caplog.records[0].__dict__["last_success_age"] == 420.0
    assert caplog.records[0].__dict__["task_name"] == "sync"


def test_a_failure_is_a_run_but_no_success(caplog: pytest.LogCaptureFixture, app: KernelQ, expire: Count) -> None:
    app.tasks["sync"].runs.ended += 1

    expire(WINDOW)

    assert "of its last 5 messages" in caplog.text
    assert "none has succeeded" in caplog.text


def test_it_is_said_again_after_a_period(clock: Clock, caplog: pytest.LogCaptureFixture, expire: Count) -> None:
    expire(WINDOW)
    clock.now += PERIOD

    expire(WINDOW)

    assert len(caplog.messages) == 2


def test_a_minority_that_expires_is_no_reason_to_warn(
    caplog: pytest.LogCaptureFixture, expire: Count, succeed: Count
) -> None:
    for _ in range(WINDOW):
        succeed(2)
        expire(1)

    assert caplog.messages == []


def test_only_the_last_messages_count(caplog: pytest.LogCaptureFixture, expire: Count, succeed: Count) -> None:
    succeed(1000)

    expire(WINDOW // 2)

    assert f"10 of its last {WINDOW} messages" in caplog.text


def test_tasks_are_warned_of_apart(
    watch: Watch, caplog: pytest.LogCaptureFixture, expire: Count, succeed: Count
) -> None:
    succeed(WINDOW, "mail")

    expire(WINDOW, "sync")
    expire(1, "mail")

    assert len(caplog.messages) == 1
    assert watch.counts() == {"sync": WINDOW, "mail": 1}


def test_a_share_above_one_is_never_reached(app: KernelQ, caplog: pytest.LogCaptureFixture) -> None:
    app.conf.task_expiry_share = 1.1

    watch = Watch(app)
    task = app.task(name="never")(lambda: None)
    for _ in range(100):
        watch.task_revoked(task=task, expired=True)

    assert caplog.messages == []


def test_a_task_that_came_later_is_counted_too(
    watch: Watch, caplog: pytest.LogCaptureFixture, app: KernelQ, expire: Count
) -> None:
    app.task(name="late")(lambda: None)
    expire(FEW, "late")

    assert watch.counts() == {"late": FEW}
    assert "task late" in caplog.text


def test_expired_messages_are_counted_exactly_over_processes() -> None:
    tally, rounds = Tally(["sync"]), 2000

    children = [_fork(tally, rounds) for _ in range(2)]

    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    assert tally["sync"].expired_count == 2 * rounds


def _fork(tally: Tally, rounds: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        for _ in range(rounds):
            with tally.lock():
                tally["sync"].expired(0.0)
    finally:
        os._exit(0 if tally["sync"].expired_count >= rounds else 1)


def test_a_lane_that_meets_expired_messages_counts_and_warns(
    app: KernelQ, lane_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    task = app.task(name="t")(lambda: None)
    app.plugins.notify("worker_process_init", app=app, hostname="hand@test")
    lane = lane_of(app)
    for _ in range(FEW):
        task.apply_async(expires=-1.0)
    task.delay()

    lane.run_all()

    assert expired_counts(app) == {"t": FEW}
    assert sum("messages expired before they could run" in message for message in caplog.messages) == 1


def test_one_that_was_cancelled_does_not_count(app: KernelQ, watch: Watch) -> None:
    watch.task_revoked(task=app.tasks["sync"], expired=False)

    assert watch.counts() == {}


def test_who_does_not_work_does_not_listen(app: KernelQ) -> None:
    assert not app.plugins.heard("task_revoked")
    assert expired_counts(app) == {}
