"""The solo lane in a running worker: batches, long tasks, stops, and a broker that goes away."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from kernelq import KernelQ, Task, hookimpl
from kernelq.contracts import PENDING, SUCCESS, BackendUnavailable, BrokerUnavailable
from kernelq.pools import Stop
from kernelq.testing import start_worker
from kernelq_plugins.backend_memory.backend import MemoryBackend
from kernelq_plugins.broker_memory.broker import MemoryBroker
from kernelq_plugins.worker import lane
from waiting import until

PATIENCE = 30.0
"""Seconds a test waits for what must come."""


class Line:
    """What lies between a lane and its broker: `cuts` says which method will fail how often."""

    def __init__(self) -> None:
        self.cuts: Counter[str] = Counter()
        self.forgets = False  # a lost connection gives back what was held
        self.exchanges = False  # the broker settles and hands out at once
        self.was_cut, self.was_woken = threading.Event(), threading.Event()
        self.passed: list[str] = []

    def passes(self, method: str) -> None:
        self.passed.append(method)
        if method == "wake":
            self.was_woken.set()
        if self.cuts[method]:
            self.cuts[method] -= 1
            self.was_cut.set()
            raise BrokerUnavailable(f"the line was cut in {method}")


class FarEnd:
    """Stands for a broker or consumer at the other end of a line."""

    def __init__(self, line: Line, inner: Any) -> None:
        self._line = line
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(*args: Any, **options: Any) -> Any:
            self._line.passes(name)
            if name == "held" and self._line.forgets:
                return []
            if name == "exchange" and self._line.exchanges:
                return self._inner.settle(args[0]), self._inner.fetch(args[1], 0)
            made = found(*args, **options)
            return FarEnd(self._line, made) if name == "consumer" else made

        return call


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def app(line: Line) -> Iterator[KernelQ]:
    class Brings:
        @hookimpl
        def make_broker(self, app: KernelQ, url: str) -> FarEnd:
            return FarEnd(line, MemoryBroker(app, url))

    with KernelQ("proj", broker="memory://", backend="memory://", set_as_current=False) as app:
        app.register_plugin(Brings())
        app.task(name="add")(lambda x, y: x + y)
        yield app


class Gate:
    """A task that says when it has begun and ends when it is let."""

    def __init__(self, app: KernelQ) -> None:
        self.begun, self.let = threading.Event(), threading.Event()

        @app.task(name="gate")
        def gate() -> str:
            self.begun.set()
            assert self.let.wait(PATIENCE)
            return "through"

        self.task = gate


@pytest.fixture
def gate(app: KernelQ) -> Iterator[Gate]:
    gate = Gate(app)
    yield gate
    gate.let.set()


def stats(app: KernelQ) -> Any:
    (found,) = app.broker.queues()
    return found


# --- plain ---------------------------------------------------------------------------------------


def test_a_worker_runs_what_waits_and_what_comes(app: KernelQ) -> None:
    early = app.tasks["add"].delay(1, 1)
    with start_worker(app):
        late = app.tasks["add"].delay(2, 2)

        assert (early.get(timeout=PATIENCE), late.get(timeout=PATIENCE)) == (2, 4)

    assert (stats(app).ready, stats(app).running) == (0, 0)


def test_the_more_urgent_run_first_and_among_equals_the_older(app: KernelQ, gate: Gate) -> None:
    order: list[Any] = []
    note = app.task(name="note")(order.append)
    for number, priority in enumerate([0, 5, 9, 5, 0]):
        result = note.apply_async((f"{priority}/{number}",), priority=priority)

    with start_worker(app):
        result.get(timeout=PATIENCE)

    assert order == ["9/2", "5/1", "5/3", "0/0", "0/4"]


def test_a_message_with_an_eta_runs_when_it_is_due_and_waits_in_the_broker(app: KernelQ) -> None:
    result = app.tasks["add"].apply_async((1, 2), countdown=3600)
    with start_worker(app):
        assert app.tasks["add"].delay(1, 1).get(timeout=PATIENCE) == 2
        assert (result.state, stats(app).delayed) == (PENDING, 1)
        engine = app.engine("memory://")
        with engine.condition:  # type: ignore[attr-defined]  # the memory engine's lock and clock
            engine.now = lambda now=engine.now: now() + 3600  # type: ignore[attr-defined]
            engine.condition.notify_all()  # type: ignore[attr-defined]

        assert result.get(timeout=PATIENCE) == 3


def test_a_worker_consumes_the_queues_it_is_given(app: KernelQ) -> None:
    mail = app.tasks["add"].apply_async((1, 1), queue="mail")
    other = app.tasks["add"].apply_async((1, 1), queue="other")

    with start_worker(app, queues=["mail", "news"]):
        assert mail.get(timeout=PATIENCE) == 2

    assert other.state == PENDING


def test_who_waits_sees_the_states_on_the_way(app: KernelQ) -> None:
    seen: list[Any] = []
    told = threading.Event()

    @app.task(bind=True, track_started=True)
    def slow(self: Any) -> str:
        self.update_state(state="HALF", meta={"done": 50})
        assert told.wait(PATIENCE)
        return "all"

    def note(meta: dict[str, Any]) -> None:
        seen.append((meta["status"], meta["result"]))
        if meta["status"] == "HALF":
            told.set()

    result = slow.delay()
    with start_worker(app):
        assert result.get(timeout=PATIENCE, on_message=note) == "all"

    assert [entry for entry in seen if entry[0] != "STARTED"] == [("HALF", {"done": 50}), (SUCCESS, "all")]


def test_a_task_acknowledged_early_has_its_result_and_its_retries(app: KernelQ) -> None:
    @app.task(name="early", bind=True, acks_late=False)
    def early(self: Any) -> int:
        if not self.request.retries:
            raise self.retry(countdown=0)
        return 7

    with start_worker(app):
        assert early.delay().get(timeout=PATIENCE) == 7


def test_a_message_whose_holder_vanished_is_written_down_before_it_runs_and_not_charged(
    app: KernelQ, line: Line
) -> None:
    result = app.tasks["add"].delay(1, 1)
    app.broker.consumer(["default"], id="vanished", lease=1.0).fetch(1, 0)
    engine = app.engine("memory://")
    engine.now = lambda now=engine.now: now() + 60  # type: ignore[attr-defined]  # the memory engine's clock

    with start_worker(app):
        assert result.get(timeout=PATIENCE) == 2

    assert "mark_started" in line.passed


# --- long tasks ----------------------------------------------------------------------------------


def test_while_a_long_task_runs_what_is_done_is_settled_and_what_waits_goes_to_other_lanes(
    app: KernelQ, gate: Gate, lane: Any
) -> None:
    before = app.tasks["add"].delay(1, 1)
    long = gate.task.delay()
    behind = app.tasks["add"].delay(2, 2)
    with start_worker(app):
        assert gate.begun.wait(PATIENCE)

        assert before.get(timeout=PATIENCE) == 2
        (delivery,) = lane.consumer.fetch(1, PATIENCE)
        lane.run(delivery)
        assert behind.get(timeout=PATIENCE) == 4
        assert long.state == PENDING

        gate.let.set()
        assert long.get(timeout=PATIENCE) == "through"

    assert delivery.message.id == behind.id
    assert delivery.crashes == 0


# --- stops ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [Stop.WARM, Stop.QUICK])
def test_a_stop_gives_back_what_has_not_begun_and_keeps_what_is_done(
    app: KernelQ, line: Line, gate: Gate, how: Stop
) -> None:
    app.conf.worker_long_task = 3600
    done = app.tasks["add"].delay(1, 1)
    running = gate.task.delay()
    behind = app.tasks["add"].delay(2, 2)
    with start_worker(app) as worker:
        assert gate.begun.wait(PATIENCE)
        worker.stop(how)
        assert line.was_woken.wait(PATIENCE)
        gate.let.set()

    assert (done.state, running.state, behind.state) == (SUCCESS, SUCCESS, PENDING)
    assert (stats(app).ready, stats(app).running) == (1, 0)
    assert worker.exitcode == (0 if how is Stop.WARM else 1)
    with start_worker(app):
        assert behind.get(timeout=PATIENCE) == 4


def test_a_stop_while_nothing_runs_ends_at_once(app: KernelQ) -> None:
    with start_worker(app) as worker:
        pass

    assert worker.exitcode == 0


# --- errors around tasks -------------------------------------------------------------------------


def test_an_error_of_a_plugin_around_a_task_is_charged_like_a_crash_and_ends_in_the_dead_letters(
    app: KernelQ, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        @hookimpl
        def advance(self, ending: Any) -> Any:
            if ending.message.task == "add" and ending.request is not None:
                raise RuntimeError("a plugin broke")

    app.register_plugin(Broken())
    broken = app.tasks["add"].delay(1, 1)
    fine = app.task(name="fine")(lambda: "fine").delay()

    with start_worker(app):
        broken.get(timeout=PATIENCE, propagate=False)
        assert fine.get(timeout=PATIENCE) == "fine"

    assert (broken.state, broken.reason) == ("FAILURE", "crashed")
    assert [letter.reason for letter in app.broker.dead()] == ["crashed"]
    assert caplog.text.count("internal error around") == app.conf.task_max_crashes + 1
    assert "a plugin broke" in caplog.text


# --- settling and taking at once


def test_what_was_taken_while_settling_runs_next(app: KernelQ, line: Line) -> None:
    line.exchanges = True
    app.conf.worker_batch = 1
    results = [app.tasks["add"].delay(number, number) for number in range(20)]

    with start_worker(app):
        assert [result.get(timeout=PATIENCE) for result in results] == [2 * number for number in range(20)]

    assert (stats(app).ready, stats(app).running) == (0, 0)


def test_a_lane_lets_some_gather_where_quick_messages_come_one_by_one(
    app: KernelQ, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = _rests(monkeypatch)
    line.exchanges = True
    app.conf.worker_batch = 1
    runs: list[int] = []
    task = app.task(name="noted", ignore_result=True)(runs.append)
    for number in range(20):
        task.delay(number)

    with start_worker(app):
        until(lambda: len(runs) == 20)

    assert rests


def test_a_lane_does_not_rest_on_a_result_that_somebody_may_wait_for(
    app: KernelQ, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = _rests(monkeypatch)
    line.exchanges = True
    app.conf.worker_batch = 1
    results = [app.tasks["add"].delay(number, number) for number in range(20)]

    with start_worker(app):
        assert [result.get(timeout=PATIENCE) for result in results] == [2 * number for number in range(20)]

    assert not rests


def _rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rests that lanes take from now on, which last no time."""
    rests: list[float] = []
    sleep = lane.time.sleep
    monkeypatch.setattr(
        lane.time, "sleep", lambda seconds: rests.append(seconds) if seconds == lane.LINGER else sleep(seconds)
    )
    return rests


# --- a broker that goes away ---------------------------------------------------------------------


@pytest.mark.parametrize("method", ["consumer", "fetch", "exchange"])
def test_a_broker_that_was_away_for_a_moment_costs_nothing_but_time(
    app: KernelQ, line: Line, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    line.cuts[method] = 1
    results = [app.tasks["add"].delay(number, number) for number in range(20)]

    with start_worker(app):
        assert [result.get(timeout=PATIENCE) for result in results] == [2 * number for number in range(20)]

    assert "lost the broker or the backend, trying again in" in caplog.text
    assert (stats(app).ready, stats(app).running) == (0, 0)


def test_what_waits_in_the_lane_and_is_held_no_more_after_a_lost_connection_does_not_run(
    app: KernelQ, line: Line
) -> None:
    app.conf.worker_settle_delay = 0  # what is done is settled before the next one begins
    runs: list[int] = []
    task = app.task(name="noted")(runs.append)
    line.forgets = True
    line.cuts["settle"] = 1
    for number in range(3):
        task.delay(number)

    with start_worker(app):
        app.tasks["add"].delay(1, 1).get(timeout=PATIENCE)

    assert runs == [0]  # its settlement failed before the next one began


def test_what_is_done_is_settled_when_the_broker_is_back_without_running_again(app: KernelQ, line: Line) -> None:
    line.cuts["exchange"] = 1
    runs: list[int] = []
    result = app.task(name="once")(lambda: runs.append(1)).delay()

    with start_worker(app):
        result.get(timeout=PATIENCE)

    assert runs == [1]


def test_a_message_taken_just_before_a_settlement_failed_is_not_forgotten(app: KernelQ, line: Line) -> None:
    app.conf.worker_settle_delay = 0  # what is done is settled before the next one begins
    results = [app.tasks["add"].delay(number, number) for number in range(3)]
    line.cuts["settle"] = 1

    with start_worker(app):
        assert [result.get(timeout=PATIENCE) for result in results] == [0, 2, 4]


def test_messages_that_could_not_be_given_back_run_here(app: KernelQ, line: Line, gate: Gate) -> None:
    long, behind = gate.task.delay(), [app.tasks["add"].delay(number, number) for number in range(2)]
    with start_worker(app):
        assert gate.begun.wait(PATIENCE)
        line.cuts["settle"] = 1
        assert line.was_cut.wait(PATIENCE)
        gate.let.set()

        assert long.get(timeout=PATIENCE) == "through"
        assert [result.get(timeout=PATIENCE) for result in behind] == [0, 2]


def test_a_handler_that_must_see_its_end_stored_runs_the_task_again_when_that_failed(app: KernelQ, line: Line) -> None:
    told: list[str] = []

    class Watching(Task[..., Any]):
        def on_success(self, retval: Any, task_id: str, *rest: Any) -> None:
            told.append(app.AsyncResult(task_id).state)

    line.cuts["settle"] = 1
    result = app.task(name="watched", base=Watching)(lambda: 1).delay()

    with start_worker(app):
        assert result.get(timeout=PATIENCE) == 1

    assert told == [SUCCESS]


def test_a_backend_that_was_away_when_a_task_began_does_not_fail_it(app: KernelQ, line: Line) -> None:
    class Brings:
        @hookimpl
        def make_backend(self, app: KernelQ, url: str) -> Any:
            class Away(MemoryBackend):
                def apply(self, ops: Any) -> Any:
                    if line.cuts["apply"]:
                        line.cuts["apply"] -= 1
                        raise BackendUnavailable("away")
                    return super().apply(ops)

            return Away(app, url)

    app.register_plugin(Brings())
    line.cuts["apply"] = 1
    result = app.task(name="t", track_started=True)(lambda: 1).delay()

    with start_worker(app):
        assert result.get(timeout=PATIENCE) == 1


def test_a_stop_while_the_broker_is_away_ends_and_says_what_stays(
    app: KernelQ, line: Line, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    gate.task.delay()
    with start_worker(app) as worker:
        assert gate.begun.wait(PATIENCE)
        worker.stop()
        assert line.was_woken.wait(PATIENCE)
        line.cuts["settle"] = 1000
        gate.let.set()

    assert "could not give everything back; it is run again when the lease ends" in caplog.text
