"""A worker with the thread pool: how many tasks run at once, and what a stop does to those that run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest
from kernelq import KernelQ, Worker
from kernelq.pools import Stop

PATIENCE = 10.0
"""Seconds a test waits for what must come."""


@pytest.fixture
def app() -> Iterator[KernelQ]:
    with KernelQ("threads", broker="memory://", backend="memory://", set_as_current=False) as app:
        yield app


@pytest.fixture
def start(app) -> Iterator[Callable[..., tuple[Worker, threading.Thread]]]:
    """Run a worker in a thread until it is ready; stopped at the end."""
    running: list[tuple[Worker, threading.Thread]] = []

    def start(concurrency: int) -> tuple[Worker, threading.Thread]:
        worker = app.Worker(pool="threads", concurrency=concurrency)
        thread = threading.Thread(target=worker.run, name="worker")
        thread.start()
        running.append((worker, thread))
        assert worker.ready.wait(PATIENCE)
        return worker, thread

    yield start
    for worker, thread in running:
        worker.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_as_many_tasks_run_at_once_as_there_are_threads(app, start):
    met = threading.Barrier(3)

    @app.task
    def meet():
        met.wait(PATIENCE)
        return threading.current_thread().name

    start(3)
    names = {result.get(timeout=PATIENCE) for result in [meet.delay() for _ in range(3)]}

    assert names == {"slot-0", "slot-1", "slot-2"}


def test_no_more_tasks_run_at_once_than_there_are_threads(app, start):
    lock = threading.Lock()
    inside, most = 0, 0

    @app.task
    def count():
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        threading.Event().wait(0.005)
        with lock:
            inside -= 1

    start(2)
    for result in [count.delay() for _ in range(20)]:
        result.get(timeout=PATIENCE)

    assert most <= 2


def test_a_warm_stop_lets_running_tasks_finish(app, start):
    begun, go = threading.Event(), threading.Event()

    @app.task
    def slow():
        begun.set()
        assert go.wait(PATIENCE)
        return "done"

    result = slow.delay()
    worker, thread = start(1)
    assert begun.wait(PATIENCE)

    worker.stop()
    go.set()
    thread.join(PATIENCE)

    assert result.get(timeout=0) == "done"


def test_a_quick_stop_does_not_wait_for_tasks_and_says_so(app, start, caplog):
    caplog.set_level(logging.WARNING)
    begun, go = threading.Event(), threading.Event()

    @app.task
    def slow():
        begun.set()
        go.wait(PATIENCE)

    result = slow.delay()
    worker, thread = start(1)
    assert begun.wait(PATIENCE)

    worker.stop(Stop.QUICK)
    thread.join(PATIENCE)

    assert not thread.is_alive()
    assert result.state == "PENDING"
    assert "1 tasks still run in threads and cannot be interrupted" in caplog.text
    go.set()


def test_a_pool_of_threads_refuses_time_limits(app):
    app.conf.task_time_limit = 5

    with pytest.raises(Exception, match="cannot keep time limits"):
        app.Worker(pool="threads", concurrency=1).run()
