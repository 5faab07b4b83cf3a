"""A worker with the prefork pool on a shared engine: faults in a child, seen by who waits for the result."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from kernelq import KernelQ, Worker
from kernelq.errors import SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError
from kernelq.pools import Stop
from kernelq_plugins.worker.lane import SoloLane
from notes import Notes

PATIENCE = 15.0
"""Seconds a test waits for what must come."""


@pytest.fixture
def notes(tmp_path) -> Notes:
    return Notes(tmp_path / "notes")


@pytest.fixture
def app(tmp_path) -> Iterator[KernelQ]:
    url = f"sqlite:///{tmp_path}/queue.sqlite3"
    with KernelQ("prefork", broker=url, backend=url, worker_lease=2.0, set_as_current=False) as app:
        yield app


@pytest.fixture
def start(app) -> Iterator[Callable[..., Worker]]:
    """Run a worker in a thread until it is ready; stopped hard at the end."""
    running: list[tuple[Worker, threading.Thread]] = []

    def start(concurrency: int = 1) -> Worker:
        worker = app.Worker(pool="prefork", concurrency=concurrency)
        thread = threading.Thread(target=worker.run, name="worker")
        thread.start()
        running.append((worker, thread))
        assert worker.ready.wait(PATIENCE)
        return worker

    yield start
    for worker, thread in running:
        worker.stop(Stop.QUICK)
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_tasks_run_in_children_side_by_side(app, start, notes):
    @app.task
    def meet():
        notes.add(os.getpid())
        notes.lines(at_least=2)
        return os.getpid()

    start(concurrency=2)
    pids = {result.get(timeout=PATIENCE) for result in (meet.delay(), meet.delay())}

    assert len(pids) == 2
    assert os.getpid() not in pids


def test_a_task_whose_child_is_killed_runs_again_at_once(app, start, notes):
    @app.task
    def survive():
        notes.add(os.getpid())
        if len(notes.lines()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return "done"

    app.conf.worker_lease = 600.0  # so that nothing here can be the end of a lease
    start()

    assert survive.delay().get(timeout=PATIENCE) == "done"
    assert len(notes.lines()) == 2


def test_a_task_that_always_ends_its_process_fails_in_the_end_and_others_run(app, start):
    @app.task
    def die():
        os._exit(3)

    @app.task
    def add(x, y):
        return x + y

    start()
    dying, adding = die.delay(), add.delay(2, 2)

    assert adding.get(timeout=PATIENCE) == 4
    with pytest.raises(WorkerLostError):
        dying.get(timeout=PATIENCE)


def test_a_task_over_its_hard_limit_fails_and_the_next_one_runs(app, start):
    @app.task(time_limit=2.0)  # enough for one that does not sleep, on a busy machine too
    def sleep(seconds):
        time.sleep(seconds)
        return "woke"

    start()
    late, early = sleep.delay(3600), sleep.delay(0)

    with pytest.raises(TimeLimitExceeded):
        late.get(timeout=PATIENCE)
    assert early.get(timeout=PATIENCE) == "woke"


def test_a_task_hears_of_its_hard_limit_though_its_process_is_gone(app, start, tmp_path):
    class Heard(app.Task):
        def on_failure(self, exc, task_id, args, kwargs, einfo):
            (tmp_path / "heard").write_text(f"{type(exc).__name__} {task_id} {args} {type(einfo.exception).__name__}")

    @app.task(base=Heard, time_limit=0.3)
    def sleep(seconds):
        time.sleep(seconds)

    start()
    late = sleep.delay(3600)

    with pytest.raises(TimeLimitExceeded):
        late.get(timeout=PATIENCE)
    assert (tmp_path / "heard").read_text() == f"TimeLimitExceeded {late.id} [3600] TimeLimitExceeded"


def test_a_task_may_clean_up_at_its_soft_limit(app, start):
    @app.task(soft_time_limit=1.0)
    def sleep():
        try:
            time.sleep(3600)
        except SoftTimeLimitExceeded:
            return "cleaned up"

    start()

    assert sleep.delay().get(timeout=PATIENCE) == "cleaned up"


def test_a_child_is_replaced_after_exactly_so_many_tasks(app, start):
    @app.task
    def pid():
        return os.getpid()

    app.conf.worker_max_tasks_per_child = 3
    results = [pid.delay() for _ in range(9)]
    start()
    pids = [result.get(timeout=PATIENCE) for result in results]

    assert [pids.count(one) for one in dict.fromkeys(pids)] == [3, 3, 3]


def test_a_warm_stop_waits_for_the_running_task_and_leaves_the_others(app, start, notes, monkeypatch):
    stop = SoloLane.stop

    def stop_and_tell(lane, how):
        stop(lane, how)
        notes.add("stopping")  # in the child: only now must the running task end, or the next one would begin

    monkeypatch.setattr(SoloLane, "stop", stop_and_tell)

    @app.task
    def slow(number):
        notes.add(number)
        notes.lines(at_least=2)
        return number

    running = slow.delay(1)
    worker = start()
    notes.lines(at_least=1)
    waiting = slow.delay(2)

    worker.stop()

    assert running.get(timeout=PATIENCE) == 1
    assert waiting.state == "PENDING"


def test_what_a_quick_stop_kills_runs_again_uncharged(app, start, notes):
    @app.task
    def slow():
        notes.add("begun")
        if len(notes.lines()) <= app.conf.task_max_crashes + 2:
            time.sleep(3600)
        return "done"

    result = slow.delay()
    for rounds in range(1, app.conf.task_max_crashes + 3):
        worker = start()
        notes.lines(at_least=rounds)
        worker.stop(Stop.QUICK)
    start()

    assert result.get(timeout=PATIENCE) == "done"


def test_what_a_killed_worker_ran_is_run_by_another_when_the_lease_ends(app, start, notes):
    @app.task
    def slow():
        notes.add(os.getpid())
        if len(notes.lines()) == 1:
            time.sleep(3600)
        return "done"

    result = slow.delay()
    killed = os.fork()
    if not killed:
        try:
            app.Worker(pool="prefork", concurrency=1).run()
        finally:
            os._exit(1)
    notes.lines(at_least=1)
    os.kill(killed, signal.SIGKILL)
    os.waitpid(killed, 0)

    start()

    assert result.get(timeout=PATIENCE) == "done"
