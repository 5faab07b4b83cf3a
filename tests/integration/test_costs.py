"""What a task costs, counted: round trips, and functions called. Counts do not bend when the machine is busy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from call_counts import calls_of
from kernelq import KernelQ, uuid
from kernelq.contracts import Delivery, Executor, Transition
from kernelq.pools import Stop
from kernelq_plugins.engine_redis.wires import Wire
from kernelq_plugins.worker import lane as lane_module
from kernelq_plugins.worker.lane import SoloLane
from servers import RedisServer

TASKS = 2000


@pytest.fixture(params=[False, True], ids=["without results", "with results"])
def app(redis_server: RedisServer, request: pytest.FixtureRequest) -> Iterator[KernelQ]:
    url = f"{redis_server.url}?prefix={uuid()}"
    with KernelQ("costs", broker=url, backend=url, task_ignore_result=not request.param, set_as_current=False) as app:
        yield app


def test_a_run_calls_few_functions(app: KernelQ) -> None:
    task: Any = app.task(name="noop")(lambda i: 1)
    executor = Executor(app, "here", Nobody())
    message = app.publisher.message(task, task.name, (1,), {}, {})
    delivery = Delivery(message=message, queue="default")
    executor.run(delivery)

    calls = calls_of(lambda: executor.run(delivery))

    assert calls.total() <= 60, calls


def test_a_drain_makes_a_round_trip_for_every_twenty_tasks_at_most(
    app: KernelQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_module, "FETCH_AHEAD", 1e6)  # full batches, however slow the machine is
    app.conf.worker_settle_delay = 60
    runs: list[int] = []
    task: Any = app.task(name="noted")(lambda i: runs.append(i) or (lane.stop(Stop.WARM) if i == TASKS - 1 else None))
    with app.bulk() as bulk:
        for i in range(TASKS):
            bulk.delay(task, i)
    lane = SoloLane(app, "here", ("default",), "lane")
    sent: list[bytes] = []
    for name in ("ask", "ask_many"):
        ask = getattr(Wire, name)
        monkeypatch.setattr(
            Wire, name, lambda self, packet, *more, ask=ask: (sent.append(packet), ask(self, packet, *more))[1]
        )

    lane.run()

    assert len(runs) == TASKS
    assert len(sent) <= TASKS / 20


class Nobody:
    """Stands where a lane stands; a plain run asks nothing of it."""

    def commit(self, transition: Transition) -> bool:
        raise NotImplementedError

    def commit_detached(self, transition: Transition) -> None:
        raise NotImplementedError

    def mark_started(self, delivery: Delivery) -> None:
        raise NotImplementedError
