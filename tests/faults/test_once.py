"""Claims end with their tasks, whatever kills or freezes who runs them, and with nobody else's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from faults.engines import on
from faults.once_tasks import define
from faults.yard import LEASE
from kernelq import AlreadyQueued
from kernelq.once import lock_store
from waiting import until

pytestmark = pytest.mark.faults

ENGINES = ("sqlite", "redis")

STEADY = 600.0
"""Seconds a lease lasts whose end is not what frees a key."""

AFTER_A_KILL = LEASE + 20.0


@pytest.fixture
def work(yard: Any) -> Any:
    """The task, for the client; gates are files beside the yard's."""
    return define(yard.app)


def is_free(yard: Any) -> bool:
    return not lock_store(yard.app).claims()


def ended(yard: Any, result: Any) -> Any:
    """Wait for the end of a task; its outcome."""
    [outcome] = yard.until_ready([result])
    return outcome


@on(ENGINES)
@pytest.mark.parametrize(
    ("how", "state"),
    [("success", "SUCCESS"), ("failure", "FAILURE"), ("rejected", "FAILURE"), ("retried", "FAILURE"), ("expired", "REVOKED"),
     ("timed out", "FAILURE"), ("unreadable", "FAILURE"), ("crashed", "FAILURE")],
)  # fmt: skip
def test_the_same_work_is_queued_again_after_every_ending(yard, work, how, state):
    options: dict[str, Any] = {}
    name = {"timed out": "endless", "crashed": "killed"}.get(how, how)
    if how == "expired":
        options["expires"] = -1.0
    if how == "timed out":
        options["time_limit"] = 0.5
    settings = {"task_max_size": 10} if how == "unreadable" else {}
    first = work.apply_async(("one", name), **options)
    with pytest.raises(AlreadyQueued) as refused:
        work.delay("one")
    assert refused.value.task_id == first.id

    yard.start("once_tasks", concurrency=1, worker_lease=STEADY, **settings)

    assert ended(yard, first).state == state
    until(lambda: is_free(yard), "the key to be free")
    assert work.delay("one")


@on(ENGINES)
def test_the_same_work_is_queued_again_after_an_ignored_run(yard, work):
    work.apply_async(("one", "ignored"))

    yard.start("once_tasks", concurrency=1, worker_lease=STEADY)

    yard.until_empty()
    until(lambda: is_free(yard), "the key to be free")
    assert work.delay("one")


@on(ENGINES)
def test_the_same_work_is_queued_again_after_it_was_revoked(yard, work):
    first = work.apply_async(("one", "success"), countdown=86_400)

    first.revoke()
    with pytest.raises(AlreadyQueued):  # a worker ends it
        work.delay("one")
    yard.start("once_tasks", concurrency=1, worker_lease=STEADY)

    yard.until_empty()
    until(lambda: is_free(yard), "the key to be free")
    assert work.delay("one").get(timeout=30)


@on(ENGINES)
def test_the_same_work_is_queued_again_after_its_worker_was_killed(yard, work):
    gate = str(yard.folder / "once")
    first = work.delay("one", gate=gate)
    worker = yard.start("once_tasks", concurrency=1)
    until(lambda: Path(f"{gate}.begun").exists(), "the task to begin")

    worker.kill_all()
    with pytest.raises(AlreadyQueued):
        work.delay("one")
    yard.start("once_tasks", concurrency=1)

    until(lambda: is_free(yard), "the key to be free", patience=AFTER_A_KILL)
    assert ended(yard, first).state == "SUCCESS"
    assert work.delay("one").get(timeout=30)


@on(ENGINES)
def test_a_task_acknowledged_before_it_ran_frees_its_key_after_its_worker_was_killed(yard, work):
    gate = str(yard.folder / "once")
    work.delay("one", gate=gate)
    worker = yard.start("once_tasks", concurrency=1, task_acks_late=False)
    until(lambda: Path(f"{gate}.begun").exists(), "the task to begin")
    # Longer than a lease: it is renewed while the task runs.
    until(lambda: _since(yard) > 2 * LEASE, "the claim to outlast its lease")
    with pytest.raises(AlreadyQueued):
        work.delay("one")

    worker.kill_all()

    until(lambda: is_free(yard), "the key to be free", patience=AFTER_A_KILL)
    assert work.delay("one")


@on(ENGINES)
def test_a_late_end_frees_nobody_else_s_claim(yard, work):
    """Frozen for longer than its lease, while another runs its task, and a third call has the key by then."""
    gate = str(yard.folder / "once")
    first = work.delay("one", gate=gate)
    frozen = yard.start("once_tasks", concurrency=1)
    until(lambda: Path(f"{gate}.begun").exists(), "the task to begin")
    frozen.freeze()
    other = yard.start("once_tasks", concurrency=1)
    assert ended(yard, first).state == "SUCCESS"
    until(lambda: is_free(yard), "the key to be free")
    other.send(signal.SIGTERM)
    assert other.exit_code() == 0
    second = work.apply_async(("one",), countdown=3600)

    frozen.thaw()
    frozen.hears("was refused")

    assert [holder.token for holder in lock_store(yard.app).claims()] == [second.id]
    with pytest.raises(AlreadyQueued):
        work.delay("one")


@on(("sqlite", "redis", "postgresql"))
def test_of_fifty_processes_that_want_one_key_one_has_it(yard, work):
    racer = Path(__file__).parent / "once_racer.py"
    environment = os.environ | {"PYTHONPATH": str(racer.parent)}
    # On a busy machine fifty writers of one file take longer than the five seconds a call waits by default.
    patient = "?busy_timeout=60" if yard.ground.engine == "sqlite" else ""
    racers = [
        subprocess.Popen(
            [sys.executable, str(racer), f"{yard.ground.broker}{patient}"],
            cwd=yard.folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(50)
    ]  # fmt: skip
    try:
        for process in racers:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in racers:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.communicate(timeout=200)[0].split() for process in racers]
    finally:
        for process in racers:
            process.kill()

    [winner] = [id for word, id in answers if word == "had"]
    assert {id for word, id in answers if word == "refused"} == {winner}
    assert yard.stats().ready == 1


def _since(yard: Any) -> float:
    """For how many seconds the only claim has been held, by the engine's clock."""
    [holder] = lock_store(yard.app).claims()
    return time.time() - holder.since
