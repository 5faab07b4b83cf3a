"""Workers on RabbitMQ: tasks that kill, tasks that are late, a server that dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernelq import KernelQ, uuid
from kernelq.contracts import TimeLimitExceeded, WorkerLostError
from kernelq.testing import start_worker
from servers import RabbitServer

PATIENCE = 30.0
"""Seconds a test waits for what must come."""


@pytest.fixture
def app(rabbit_server: RabbitServer) -> Iterator[KernelQ]:
    options = {"global_keyprefix": f"{uuid()}."}
    settings: dict[str, Any] = {"broker_transport_options": options, "worker_lease": 4.0}
    with KernelQ("amqp", broker=rabbit_server.url, backend="rpc://", set_as_current=False, **settings) as app:

        @app.task(name="square")
        def square(number: int) -> int:
            return number * number

        @app.task(name="kill")
        def kill(notes: str) -> None:
            write(notes)
            os.kill(os.getpid(), signal.SIGKILL)

        @app.task(name="linger", time_limit=0.5)
        def linger(notes: str) -> None:
            write(notes)
            time.sleep(PATIENCE)

        yield app


def write(notes: str) -> None:
    with open(notes, "a") as file:
        file.write("run\n")


def runs(notes: Path) -> int:
    return len(notes.read_text().splitlines())


def test_a_task_that_kills_its_process_is_given_up_and_its_neighbours_are_not(app: KernelQ, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    before = [app.send_task("square", (number,)) for number in range(4)]
    poison = app.send_task("kill", (str(notes),))
    behind = [app.send_task("square", (number,)) for number in range(4)]

    with start_worker(app, pool="prefork", concurrency=1), pytest.raises(WorkerLostError, match="died 4 times"):
        poison.get(timeout=PATIENCE)
    with start_worker(app, pool="solo"):
        assert [result.get(timeout=PATIENCE) for result in before + behind] == [0, 1, 4, 9] * 2

    # The first death charges nobody: who vanishes once tells nobody what it ran. From then on it is written down.
    assert runs(notes) == 5
    [letter] = app.broker.dead()
    assert (letter.reason, letter.message and letter.message.id) == ("crashed", poison.id)


def test_a_task_over_its_hard_limit_fails_once(app: KernelQ, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    late = app.send_task("linger", (str(notes),))

    with start_worker(app, pool="prefork", concurrency=1):
        with pytest.raises(TimeLimitExceeded):
            late.get(timeout=PATIENCE)
        assert app.send_task("square", (3,)).get(timeout=PATIENCE) == 9

    assert runs(notes) == 1


@pytest.mark.parametrize("pool", ["solo", "threads", "prefork"])
def test_a_worker_goes_on_when_the_server_closes_every_connection(
    app: KernelQ, rabbit_server: RabbitServer, pool: str
) -> None:
    with start_worker(app, pool=pool):
        assert app.send_task("square", (2,)).get(timeout=PATIENCE) == 4

        rabbit_server.control("close_all_connections", "for the test")

        assert app.send_task("square", (3,)).get(timeout=PATIENCE) == 9


def test_a_worker_goes_on_after_the_server_was_killed(app: KernelQ, rabbit_server: RabbitServer) -> None:
    with start_worker(app, pool="solo"):
        assert app.send_task("square", (2,)).get(timeout=PATIENCE) == 4
        # See the unit test of the kill: which quorum queues there are is written down only now and then.
        rabbit_server.control("eval", "[dets:sync(Table) || Table <- dets:all()].")

        rabbit_server.kill()
        rabbit_server.start()

        policy = {"max_retries": None, "timeout": PATIENCE, "interval_max": 0.2}
        result = app.send_task("square", (3,), retry_policy=policy)
        assert result.get(timeout=PATIENCE) == 9
