"""Settling: what attempts caused is committed at once where engines are shared, in a safe order elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kernelq import KernelQ, hookimpl
from kernelq.contracts import (
    SUCCESS,
    BackendUnavailable,
    BrokerUnavailable,
    Delivery,
    Effect,
    Message,
    Outcome,
    Settler,
    Store,
    Transition,
    Undecodable,
)
from kernelq.pools import Held

NEXT = Message(id="next", task="next", body=b"[[],{},{}]", queue="later")


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[KernelQ]:
    """An app whose broker and backend live on two engines."""
    url = f"sqlite:///{tmp_path}/results.sqlite3"
    with KernelQ("proj", broker="memory://", backend=url, set_as_current=False) as app:
        yield app


class Log:
    """Writes down the calls of some methods, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self._monkeypatch = monkeypatch

    def watch(self, target: Any, name: str, said: str) -> None:
        method = getattr(target, name)

        def called(*args: Any, **options: Any) -> Any:
            self.calls.append(said)
            return method(*args, **options)

        self._monkeypatch.setattr(target, name, called)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    return Log(monkeypatch)


class Following:
    """Lets one message follow from every success of the task ``first``."""

    @hookimpl
    def advance(self, ending: Any) -> Any:
        return [NEXT] if ending.message.task == "first" else None


def held_by(app: KernelQ, lane: Any, *ids: str) -> list[Any]:
    for id in ids:
        app.send_task("first", task_id=id)
    return [lane.take() for _ in ids]


def done(app: KernelQ, delivery: Any, *effects: Effect) -> Transition:
    outcome = Outcome(id=delivery.message.id, state=SUCCESS, value=b"1")
    return Transition(delivery=delivery, successors=(NEXT,), effects=(Effect(app.backend, outcome), *effects))


# --- engines shared and apart --------------------------------------------------------------------


def test_on_one_engine_all_of_an_attempt_is_one_call(app: KernelQ, lane: Any, log: Log) -> None:
    delivery = held_by(app, lane, "i1")[0]
    for target, name in [(app.broker, "publish"), (app.backend, "apply"), (lane.consumer, "settle")]:
        log.watch(target, name, name)

    assert lane.settler.settle([done(app, delivery)]) == []

    assert log.calls == ["settle"]
    assert app.AsyncResult("i1").state == SUCCESS
    assert [stats.ready for stats in app.broker.queues() if stats.name == "later"] == [1]


def test_on_two_engines_successors_come_first_then_outcomes_then_the_settlement(
    apart: KernelQ, lane_of: Any, log: Log
) -> None:
    lane = lane_of(apart)
    first, second = held_by(apart, lane, "i1", "i2")
    watched = [(apart.broker, "renew"), (apart.broker, "publish"), (apart.backend, "apply"), (lane.consumer, "settle")]
    for target, name in watched:
        log.watch(target, name, name)

    assert lane.settler.settle([done(apart, first), done(apart, second)]) == []

    assert log.calls == ["renew", "publish", "apply", "settle"]
    assert [apart.AsyncResult(id).state for id in ("i1", "i2")] == [SUCCESS, SUCCESS]


def test_a_crash_between_the_steps_repeats_and_loses_nothing(
    apart: KernelQ, lane_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart.register_plugin(Following())
    runs: list[int] = []
    apart.task(name="first")(lambda: runs.append(1))
    apart.task(name="next")(lambda: "next ran")
    result = apart.tasks["first"].delay()
    crashing = lane_of(apart)
    monkeypatch.setattr(crashing.consumer, "settle", _crash)
    with pytest.raises(SystemError):
        crashing.run()
    crashing.consumer.close()

    lane_of(apart, "default", "later").run_all()

    assert len(runs) == 2
    assert result.state == SUCCESS
    assert apart.AsyncResult("next").get(timeout=0) == "next ran"
    assert all(stats.ready == stats.running == 0 for stats in apart.broker.queues())


def _crash(*args: Any) -> Any:
    raise SystemError("the process died here")


class Ledger(Store):
    """A store on an engine of its own."""

    def __init__(self, *follow: Message) -> None:
        self.applied: list[Any] = []
        self.follow = follow

    def apply(self, ops: Any) -> tuple[Message, ...]:
        self.applied += ops
        return self.follow


def test_effects_of_both_kinds_may_come_together(app: KernelQ, lane: Any, log: Log) -> None:
    ledger, delivery = Ledger(msgspec.structs.replace(NEXT, id="after")), held_by(app, lane, "i1")[0]
    log.watch(app.backend, "apply", "backend.apply")
    log.watch(app.backend, "apply_within", "backend.apply_within")

    lane.settler.settle([done(app, delivery, Effect(ledger, "one"), Effect(ledger, "two"))])

    assert ledger.applied == ["one", "two"]
    assert log.calls == ["backend.apply_within"]
    assert [stats.ready for stats in app.broker.queues() if stats.name == "later"] == [2]


# --- stale attempts ------------------------------------------------------------------------------


def test_an_attempt_whose_message_was_given_to_another_is_refused_whole(
    app: KernelQ, lane: Any, caplog: pytest.LogCaptureFixture
) -> None:
    delivery = held_by(app, lane, "i1")[0]
    thief = app.broker.consumer(["default"], id="thief", lease=15.0)
    (again,) = thief.take_over("hand")

    refused = lane.settler.settle([done(app, delivery)])

    assert refused == [delivery]
    assert again.fence == delivery.fence + 1
    assert app.AsyncResult("i1").state == "PENDING"
    assert {stats.name for stats in app.broker.queues()} == {"default"}
    assert (
        "attempt 1 of first[i1] was refused: its lease had ended, and somebody else runs it now or has run it"
        in caplog.text
    )


def test_on_two_engines_a_lost_lease_is_seen_before_anything_is_done(
    apart: KernelQ, lane_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    lane = lane_of(apart)
    delivery = held_by(apart, lane, "i1")[0]
    apart.broker.consumer(["default"], id="thief", lease=15.0).take_over("hand")

    assert lane.settler.settle([done(apart, delivery)]) == [delivery]

    assert apart.AsyncResult("i1").state == "PENDING"
    assert {stats.name for stats in apart.broker.queues()} == {"default"}
    assert "was refused" in caplog.text


def test_on_two_engines_only_what_is_still_held_is_done(
    apart: KernelQ, lane_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = lane_of(apart)
    stale, good = held_by(apart, lane, "i1", "i2")
    monkeypatch.setattr(lane.consumer, "held", lambda deliveries: [each for each in deliveries if each is good])

    assert lane.settler.settle([done(apart, stale), done(apart, good)]) == [stale]

    assert [apart.AsyncResult(id).state for id in ("i1", "i2")] == ["PENDING", SUCCESS]


def test_a_refused_message_that_could_not_be_read_is_named_as_such(
    app: KernelQ, lane: Any, caplog: pytest.LogCaptureFixture
) -> None:
    delivery = msgspec.structs.replace(held_by(app, lane, "i1")[0], message=Undecodable(b"", "empty"), fence=7)

    lane.settler.settle([Transition(delivery=delivery)])

    assert "attempt 7 of message[?] was refused" in caplog.text


def test_the_late_outcome_of_a_stale_attempt_changes_nothing(app: KernelQ, lane_of: Any) -> None:
    said = iter(["stale", "fresh"])
    result = app.task(name="t")(lambda: next(said)).delay()
    stale, fresh = lane_of(app), lane_of(app)
    fresh.consumer = app.broker.consumer(["default"], id="fresh", lease=15.0)
    fresh.settler = Settler(app, fresh.consumer)
    old = stale.take()
    transition = stale.executor.run(old)
    (new,) = fresh.consumer.take_over("hand")
    fresh.run(new)

    assert stale.settler.settle([transition]) == [old]

    assert result.get(timeout=0) == "fresh"


# --- detached ------------------------------------------------------------------------------------


def test_what_an_acknowledged_attempt_caused_is_published_and_stored(app: KernelQ, lane: Any) -> None:
    lane.settler.detached([NEXT], [Effect(app.backend, Outcome(id="i1", state=SUCCESS, value=b"1"))])

    assert app.AsyncResult("i1").get(timeout=0) == 1
    assert [stats.ready for stats in app.broker.queues() if stats.name == "later"] == [1]


def test_a_store_may_be_away(app: KernelQ, lane: Any) -> None:
    class Away(Ledger):
        def apply(self, ops: Any) -> Any:
            raise BackendUnavailable("away")

    delivery = held_by(app, lane, "i1")[0]
    transition = done(app, delivery, Effect(Away(), "one"))
    with pytest.raises(BackendUnavailable):
        lane.settler.settle([transition])

    assert lane.settler.settle([msgspec.structs.replace(transition, effects=transition.effects[:1])]) == []


# --- what is held back for company ---------------------------------------------------------------


def transition(id: str) -> Transition:
    return Transition(delivery=Delivery(message=Message(id=id, task="t", body=b""), queue="q"))


def test_held_transitions_are_taken_together_in_order() -> None:
    held, one, two = Held(), transition("1"), transition("2")
    held.add(one)
    since = held.since
    held.add(two)

    assert (len(held), held.since) == (2, since)
    assert held.take() == [one, two]
    assert (len(held), held.take()) == (0, [])


def test_what_could_not_be_committed_comes_before_what_came_since() -> None:
    held, one, two, three = Held(), transition("1"), transition("2"), transition("3")
    held.add(one)
    held.add(two)
    taken = held.take()
    held.add(three)

    held.put_back(taken)

    assert held.take() == [one, two, three]


def test_a_broker_that_is_away_is_told_to_the_caller(app: KernelQ, lane: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = held_by(app, lane, "i1")[0]

    def away(transitions: Any) -> Any:
        raise BrokerUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(lane.consumer, "settle", away)
        with pytest.raises(BrokerUnavailable):
            lane.settler.settle([done(app, delivery)])

    assert lane.settler.settle([done(app, delivery)]) == []


def test_a_transition_that_cannot_be_committed_goes_to_the_dead_letters_and_the_others_are_committed() -> None:
    class Broken(Store):
        def apply(self, ops: Sequence[Any]) -> Sequence[Message]:
            raise LookupError("no such counter")

    app = KernelQ("t", broker="memory://", set_as_current=False)
    for task_id in "abc":
        app.broker.publish([Message(id=task_id, task="t", body=b"")])
    consumer = app.broker.consumer(("default",), id="c", lease=10)
    first, second, third = consumer.fetch(3, 0)
    transitions = [
        Transition(delivery=first),
        Transition(delivery=second, effects=(Effect(Broken(), "count"),)),
        Transition(delivery=third),
    ]

    assert Settler(app, consumer).settle(transitions) == []

    assert [(letter.message and letter.message.id, letter.reason) for letter in app.broker.dead()] == [
        ("b", "unsettleable: no such counter")
    ]
    assert [stats.running for stats in app.broker.queues()] == [0]
