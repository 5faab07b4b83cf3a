"""Messages that may not run, or not yet: expired ones, and those of tasks that nobody knows so far."""

from __future__ import annotations

import signal
import time

import pytest
from faults.engines import ALL, on
from kernelq.testing import start_worker
from waiting import until

pytestmark = pytest.mark.faults

BACKLOG = 10_000
"""Messages that expired while nobody consumed."""

CROWD = 500
"""Messages of a task that nobody knows."""

BATCHES = 2_000
"""Fetches that may be needed for them, at most."""


def test_forty_expired_tasks_end_as_revoked(yard):
    """Promise 4."""
    results = [yard.call("square", number, expires=-1.0) for number in range(40)]

    worker = yard.start()

    outcomes = yard.until_ready(results)
    assert [(outcome.state, outcome.reason) for outcome in outcomes] == [("REVOKED", "expired")] * 40
    assert yard.begun() == 0
    assert worker.log.count("expired before it could run") == 40


@on(ALL)
def test_a_backlog_of_expired_tasks_is_drained_in_batches(yard, monkeypatch):
    """Promise 4: each of them ends with its state and the reason, in few round trips."""
    results = []
    for _ in range(0, BACKLOG, 1000):
        results += yard.call_many([("square", 1)] * 1000, expires=-1.0)
    app = yard.client()
    app.task(name="faulty.square")(lambda number: number)
    fetches = count_fetches(app, monkeypatch)

    begun = time.monotonic()
    with start_worker(app):
        yard.until_ready(results[-1:])
        yard.until_empty()
    took = time.monotonic() - begun

    outcomes = [outcome for n in range(0, BACKLOG, 500) for outcome in yard.until_ready(results[n : n + 500])]
    assert {(outcome.state, outcome.reason) for outcome in outcomes} == {("REVOKED", "expired")}
    assert len(outcomes) == BACKLOG
    assert len(fetches) <= BATCHES
    print(f"{yard.ground.engine}: {BACKLOG} expired messages in {took:.2f} s, {len(fetches)} fetches")


def count_fetches(app, monkeypatch):
    """A list that gets an item with each fetch of a consumer of this app."""
    fetches = []
    make = app.broker.consumer

    def consumer(*args, **kwargs):
        made = make(*args, **kwargs)
        fetch = made.fetch
        monkeypatch.setattr(made, "fetch", lambda *args: (fetches.append(1), fetch(*args))[1], raising=False)
        return made

    monkeypatch.setattr(app.broker, "consumer", consumer, raising=False)
    return fetches


@on(("sqlite", "amqp"))
def test_a_task_nobody_knows_is_parked_until_a_worker_knows_it(yard):
    """A15."""
    result = yard.call("newcomer")
    older = yard.start()
    older.hears("is parked for 1 s")
    older.send(signal.SIGTERM)  # else the two take turns by chance, and each turn is twice as long
    assert older.exit_code() == 0

    yard.start("newer")

    assert result.get(timeout=60) == "known by now"
    assert len(yard.runs(result)) == 1
    yard.until_empty()


@on(ALL)
def test_a_task_nobody_ever_knows_goes_to_the_dead_letters_in_time(yard):
    """A15."""
    results = yard.call_many([("newcomer",)] * 5)

    worker = yard.start(task_unknown_ttl=2.0)

    outcomes = yard.until_ready(results)
    assert [(outcome.state, outcome.reason) for outcome in outcomes] == [("FAILURE", "unknown")] * 5
    yard.until_empty()
    letters = yard.app.broker.dead()
    assert sorted((letter.message.id, letter.reason) for letter in letters) == sorted(
        (result.id, "unknown") for result in results
    )
    assert worker.log.count("no worker ever knew it") == 5


@on(
    ALL,
    amqp=pytest.mark.xfail(
        strict=False, reason="what is given back unfetched counts as a hand-out, so some are parked longer at first"
    ),
)
def test_a_crowd_of_unknown_tasks_keeps_no_known_one_from_running(yard):
    """A15: they are parked, longer each time, and not looked at again and again."""
    crowd = yard.call_many([("newcomer",)] * CROWD)
    known = yard.call_many([("square", n) for n in range(50)])

    older = yard.start()

    yard.until_ready(known)
    until(lambda: older.log.count("is parked for") >= 2 * CROWD, "each to have been parked twice or so")
    older.send(signal.SIGTERM)
    assert older.exit_code() == 0
    assert yard.begun() == 50
    assert older.log.count("is parked for 1 s") == CROWD
    assert older.log.count("is parked for") <= 4 * CROWD
    yard.start("newer")
    assert {outcome.state for outcome in yard.until_ready(crowd)} == {"SUCCESS"}
    yard.until_empty()
