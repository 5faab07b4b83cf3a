"""Admission: whether a fetched message may run here and now, and what becomes of it otherwise."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from kernelq import KernelQ, hookimpl
from kernelq.contracts import FAILURE, REVOKED, Admit, Delivery, Message, Outcome, Transition, Undecodable, Verdict
from kernelq.errors import TaskRevokedError, WorkerLostError

NOON = 1_700_000_000.0

Decide = Callable[..., Any]


def message(**fields: Any) -> Message:
    return Message(**{"id": "i1", "task": "add", "body": b"[[1],{},{}]", "sent_at": NOON, **fields})


@pytest.fixture
def decide(app: KernelQ) -> Decide:
    """Ask for admission of a message at noon, or `now`."""
    app.task(name="add")(lambda x: x)

    def decide(fields: dict[str, Any] | Undecodable, now: float = NOON, **delivery: Any) -> Any:
        found = message(**fields) if isinstance(fields, dict) else fields
        return Admit(app, "w1@test", now=lambda: now)(Delivery(message=found, queue="mail", **delivery))

    return decide


def stored(transition: Transition) -> Outcome:
    (effect,) = transition.effects
    assert isinstance(effect.op, Outcome)
    return effect.op


class Told:
    """Writes down which of the hooks around admission were called."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    @hookimpl
    def task_unknown(self, message: Any, hostname: str, exc: BaseException) -> None:
        self.seen.append(("unknown", message.task, hostname))

    @hookimpl
    def task_rejected(self, message: Any, exc: BaseException) -> None:
        self.seen.append(("rejected", type(message).__name__))

    @hookimpl
    def task_revoked(self, task: Any, request: Any, terminated: bool, expired: bool) -> None:
        self.seen.append(("revoked", task.name, request.id, terminated, expired))

    @hookimpl
    def task_failure(self, task: Any, request: Any, exception: BaseException) -> None:
        self.seen.append(("failure", task.name, request.id, type(exception).__name__))


@pytest.fixture
def told(app: KernelQ) -> Told:
    told = Told()
    app.register_plugin(told)
    return told


def test_a_good_message_is_admitted_with_its_arguments(decide: Decide) -> None:
    task, request = decide({"body": b'[[1],{"y":2},{"chain":["next"]}]', "retries": 2})

    assert task.name == "add"
    assert (request.id, request.args, request.kwargs, request.chain) == ("i1", [1], {"y": 2}, ["next"])
    assert (request.retries, request.hostname, request.queue) == (2, "w1@test", "default")


# --- expired -------------------------------------------------------------------------------------


def test_a_message_past_its_deadline_is_revoked_with_that_reason(decide: Decide, told: Told) -> None:
    transition = decide({"expires": NOON - 1})

    assert transition.verdict is Verdict.ACK
    assert (stored(transition).state, stored(transition).reason) == (REVOKED, "expired")
    assert told.seen == [("revoked", "add", "i1", False, True)]


@pytest.mark.parametrize(("now", "is_revoked"), [(NOON - 0.001, False), (NOON, True)])
def test_the_deadline_itself_is_too_late(decide: Decide, now: float, is_revoked: bool) -> None:
    assert isinstance(decide({"expires": NOON}, now=now), Transition) is is_revoked


def test_a_retry_past_the_deadline_is_revoked_too(decide: Decide) -> None:
    assert stored(decide({"expires": NOON - 1, "retries": 2})).state == REVOKED


def test_who_waits_for_an_expired_task_gets_an_error(app: KernelQ, lane: Any) -> None:
    result = app.task(name="t")(lambda: 1).apply_async(expires=-1)

    lane.run()

    assert (result.state, result.reason) == (REVOKED, "expired")
    with pytest.raises(TaskRevokedError, match="expired"):
        result.get(timeout=0)


# --- unknown -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fence", "delay"), [(1, 1.0), (2, 2.0), (6, 32.0), (7, 60.0), (1000, 60.0)])
def test_a_message_of_an_unknown_task_is_parked_longer_each_time(
    decide: Decide, told: Told, fence: int, delay: float, caplog: pytest.LogCaptureFixture
) -> None:
    transition = decide({"task": "sub"}, fence=fence)

    assert (transition.verdict, transition.delay, transition.effects) == (Verdict.PARK, delay, ())
    assert told.seen == [("unknown", "sub", "w1@test")]
    assert f"no task 'sub' is registered here; message i1 is parked for {delay:.0f} s" in caplog.text


def test_after_a_day_a_message_of_an_unknown_task_goes_to_the_dead_letters(decide: Decide) -> None:
    transition = decide({"task": "sub"}, now=NOON + 86_401, fence=1000)

    assert (transition.verdict, transition.reason) == (Verdict.DEAD, "unknown")
    assert (stored(transition).state, stored(transition).reason) == (FAILURE, "unknown")


def test_the_day_begins_when_the_message_is_due(decide: Decide) -> None:
    assert decide({"task": "sub", "eta": NOON + 80_000}, now=NOON + 100_000).verdict is Verdict.PARK


# --- crashed -------------------------------------------------------------------------------------


def test_a_message_whose_runs_died_too_often_goes_to_the_dead_letters(
    decide: Decide, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)

    transition = decide({}, crashes=4)

    assert (transition.verdict, transition.reason) == (Verdict.DEAD, "crashed")
    assert (stored(transition).state, stored(transition).reason) == (FAILURE, "crashed")
    assert told.seen == [("failure", "add", "i1", "WorkerLostError")]
    assert "the process running add died 4 times" in caplog.text


def test_a_message_whose_runs_died_as_often_as_they_may_runs_again(decide: Decide) -> None:
    assert not isinstance(decide({}, crashes=3), Transition)


def test_how_often_runs_may_die_is_a_setting(app: KernelQ, decide: Decide) -> None:
    app.conf.task_max_crashes = 0

    assert decide({}, crashes=1).verdict is Verdict.DEAD


# --- undecodable ---------------------------------------------------------------------------------


def test_bytes_that_are_no_message_go_to_the_dead_letters(decide: Decide, told: Told) -> None:
    transition = decide(Undecodable(b"\xff", "not a message: truncated"))

    assert transition.verdict is Verdict.DEAD
    assert transition.reason == "undecodable: not a message: truncated"
    assert transition.effects == ()
    assert told.seen == [("rejected", "Undecodable")]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"body": b"\xff"}, "not JSON"),
        ({"body": b"{}"}, "expected a body of [list, mapping, mapping]"),
        ({"body": b"[[1],{}]"}, "expected a body of [list, mapping, mapping]"),
        ({"body": b"3"}, "expected a body of [list, mapping, mapping]"),
        ({"body": b"[{},[],{}]"}, "expected a body of [list, mapping, mapping]"),
        ({"content_type": "x/y"}, "content type 'x/y' is not accepted here (accept_content: json)"),
    ],
    ids=["no json", "a mapping", "two parts", "a number", "wrong parts", "not accepted"],
)
def test_a_body_that_cannot_be_read_fails_its_task_and_is_kept(
    app: KernelQ, decide: Decide, told: Told, fields: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    transition = decide(fields)

    assert (transition.verdict, transition.reason) == (Verdict.DEAD, "undecodable")
    assert (stored(transition).state, stored(transition).reason) == (FAILURE, "undecodable")
    assert [event[0] for event in told.seen] == ["rejected", "failure"]
    assert f"a message in mail goes to the dead letters: {why}" in caplog.text


def test_a_body_over_the_size_is_kept_and_not_decoded(app: KernelQ, decide: Decide) -> None:
    app.conf.task_max_size = 100

    transition = decide({"body": b"[" * 101})

    assert transition.verdict is Verdict.DEAD
    assert "a body of 101 bytes, more than task_max_size (100)" in str(stored(transition).value)


def test_a_body_nobody_can_decompress_is_kept_with_that_reason(decide: Decide) -> None:
    transition = decide({"compression": "application/x-squashed"})

    assert transition.verdict is Verdict.DEAD
    assert "no compressor driver for 'application/x-squashed'" in str(stored(transition).value).replace("\\", "")


def test_what_is_accepted_is_a_setting_by_name_or_content_type(app: KernelQ, decide: Decide) -> None:
    msgpack = app.serializer("msgpack")
    app.conf.accept_content = ["json", msgpack.content_type]

    _, request = decide({"body": msgpack.dumps([[b"raw"], {}, {}]), "content_type": msgpack.content_type})

    assert request.args == [b"raw"]


# --- what follows --------------------------------------------------------------------------------


def test_what_follows_from_a_message_that_never_ran_is_asked_too(app: KernelQ, decide: Decide) -> None:
    next_one = message(id="next")

    class Following:
        @hookimpl
        def advance(self, ending: Any) -> Any:
            assert (ending.state, ending.request, ending.outcome.reason) == (REVOKED, None, "expired")
            return [next_one]

    app.register_plugin(Following())

    assert decide({"expires": NOON - 1}).successors == (next_one,)


def test_the_outcome_of_a_message_that_never_ran_is_kept_even_when_results_are_ignored(decide: Decide) -> None:
    assert stored(decide({"expires": NOON - 1, "ignore_result": True})).state == REVOKED


def test_without_a_backend_there_is_nothing_to_store() -> None:
    app = KernelQ("proj", broker="memory://", set_as_current=False)
    app.task(name="add")(lambda x: x)

    transition = Admit(app, "w1@test", now=lambda: NOON)(Delivery(message=message(expires=1.0), queue="mail"))

    assert isinstance(transition, Transition)
    assert transition.effects == ()


def test_the_end_of_a_message_may_be_decided_by_others_who_run_lanes(app: KernelQ, decide: Decide) -> None:
    delivery = Delivery(message=message(), queue="mail")

    transition = Admit(app, "w1@test").end(delivery, message(), FAILURE, WorkerLostError("gone"), "crashed")

    assert transition.verdict is Verdict.ACK
    assert stored(transition).reason == "crashed"
