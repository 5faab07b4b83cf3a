"""Servers that stop, are killed, or come late: workers of every pool consume again soon, and nothing accepted is lost."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pytest
from faults.engines import SERVERS, on
from faults.history import Absence, Answer, Call, End, History
from faults.runs import all_runs
from faults.yard import LEASE
from kernelq.contracts import BrokerFull, BrokerUnavailable
from kernelq.testing import Proxy
from waiting import until

pytestmark = pytest.mark.faults

POOLS = ("prefork", "threads", "solo")

SOON = 10.0
"""Seconds after which every worker has executed a new task, from when its server is reachable."""

SLACK = 20.0
"""Seconds that a busy machine may add."""


class Client(threading.Thread):
    """Calls a short task fifty times a second until it is stopped, and writes down what it was answered."""

    def __init__(self, yard):
        super().__init__(name="client", daemon=True)
        self.calls: dict[str, Call] = {}
        self._app = yard.client()
        self._stopping = threading.Event()
        self.error: BaseException | None = None

    def run(self):
        while not self._stopping.wait(0.02):
            message = self._app.publisher.message(None, "faulty.step", (0.002,), {}, {})
            answer, tries = self._publish(message)
            self.calls[message.id] = Call(message.id, answer, tries=tries)

    def _publish(self, message):
        for tries in range(1, 4):
            try:
                self._app.publisher.publish([message], retry=False)
                return Answer.ACCEPTED, tries
            except (BrokerUnavailable, BrokerFull):
                if self._stopping.wait(0.05):
                    break
        return Answer.UNKNOWN, tries

    def stop(self):
        self._stopping.set()
        self.join()


@contextmanager
def under_load(yard):
    """Workers of every pool at work on what a client calls; afterwards the client has stopped."""
    workers = [yard.start(concurrency=1, worker_pool=pool, wait=False) for pool in POOLS]
    client = Client(yard)
    client.start()
    try:
        yield client, workers
    finally:
        client.stop()


def until_each_has_run(yard, workers, since):
    """Wait until each worker has begun a task after `since`; the last one's delay in seconds."""

    def firsts():
        runs = [run for each in all_runs(yard.folder / "runs").values() for run in each if run.started > since]
        found = []
        for worker in workers:
            pids = set(worker.pids())
            found.append(min((run.started for run in runs if run.pid in pids), default=None))
        return None if None in found else found

    return max((first - since) / 1e9 for first in until(firsts, f"every worker to run a task{yard.logs()}"))


def assert_nothing_was_lost(yard, client, absences):
    accepted = [call for call in client.calls.values() if call.answer is Answer.ACCEPTED]
    assert len(accepted) > 10
    results = [yard.app.AsyncResult(call.id) for call in accepted]
    yard.until_ready(results)
    yard.until_empty()
    # A lost connection is the end of a lease on RabbitMQ, and elsewhere when it stays lost for long enough.
    history = History(
        grace=LEASE / 2 if yard.holds_leases else 0.0,
        aftermath=LEASE if yard.holds_leases else 5.0,
        deduplicates=yard.app.broker.capabilities.dedup,
        calls=client.calls,
        runs=all_runs(yard.folder / "runs"),
        absences=absences,
    )
    stored = yard.outcomes([yard.app.AsyncResult(task_id) for task_id in client.calls])
    history.ends = {task_id: End(outcome.state, outcome.reason) for task_id, outcome in stored.items()}
    assert [str(violation) for violation in history.violations()] == []


@on(SERVERS)
@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_every_worker_consumes_again_soon_after_its_server_was(yard, how):
    """B1, promises 1 and 3."""
    with under_load(yard) as (client, workers):
        until_each_has_run(yard, workers, 0)

        began = time.monotonic_ns()
        yard.server.stop() if how == "stopped" else yard.server.kill()
        time.sleep(0.5)  # the fault is that it lasts so long, while the client goes on
        yard.server.start()
        back_at = time.monotonic_ns()

        took = until_each_has_run(yard, workers, back_at)
    assert_nothing_was_lost(yard, client, [Absence(None, began, back_at)])
    print(f"consuming again after {took:.1f} s")
    assert took <= SOON + SLACK


@on(SERVERS)
def test_every_worker_consumes_again_soon_after_five_short_failures(yard):
    """B3: the server comes and goes while workers wait before they try again."""
    with Proxy("127.0.0.1", yard.server.port) as proxy:
        yard.route = yard.ground.through(proxy.port)
        with under_load(yard) as (client, workers):
            until_each_has_run(yard, workers, 0)

            began = time.monotonic_ns()
            for _ in range(5):
                proxy.refuse()
                time.sleep(0.3)  # the fault is that it lasts so long, whatever anybody noticed of it
                proxy.heal()
                time.sleep(0.3)  # shorter than workers may be waiting by now
            back_at = time.monotonic_ns()

            took = until_each_has_run(yard, workers, back_at)
        assert_nothing_was_lost(yard, client, [Absence(None, began, back_at)])
    print(f"consuming again after {took:.1f} s")
    assert took <= SOON + SLACK


@on(SERVERS)
def test_a_worker_started_before_its_server_waits_and_says_so(yard):
    """B4."""
    result = yard.call("square", 3)
    yard.app.close()
    yard.server.stop()
    try:
        workers = [yard.start(concurrency=1, worker_pool=pool, wait=False) for pool in POOLS]
        for worker in workers:
            worker.hears("waiting for the broker")
            assert f"127.0.0.1:{yard.server.port}" in worker.log
    finally:
        yard.server.start()

    for worker in workers:
        worker.until_ready()
    assert result.get(timeout=60) == 9
