"""Running again what failed of a workflow: what is published, what is undone for it, and what a crash in between leaves."""

from __future__ import annotations

from typing import Any

import pytest
from kernelq import GroupResult, KernelQ, canvas
from kernelq.contracts import SUCCESS, Message, pack
from kernelq.exceptions import ChordError
from kernelq.workflow_views import MessageNotKept, UnknownWorkflow, WorkflowNotFinished
from kernelq.workflows import DONE, FAILED, WAITING, Arrive, Close, Forget, Keep, Open, WorkflowStore
from plans import chain, chord, end, error, fail, group, keep, task

PHOTOS = chain(task("load"), chord("j1", task("small"), task("large"), body=chain(task("zip"), task("mail"))))


@pytest.fixture
def store(app: KernelQ) -> WorkflowStore:
    store = canvas.store_of(app)
    assert store is not None
    return store


def helper(join: str) -> Message:
    """What a join publishes."""
    return Message(id=f"{join}-fires", task="kernelq.chord", body=b"[[],{},{}]")


def chord_failed(app: KernelQ, store: WorkflowStore, **fields: Any) -> None:
    """PHOTOS, ended by the failure of `large`."""
    keep(store, PHOTOS, "mail")
    end(app, "load")
    end(app, "small")
    fail(app, store, "large", **fields)
    store.apply(
        [
            Open(join="j1", message=helper("j1"), size=2),
            Arrive(join="j1", place=0, part=b"small"),
            Arrive(join="j1", place=1, part=b"", failed=True),
            Close(join="j1", state=FAILED),
        ]
    )
    end(app, "zip", "FAILURE", error("ChordError"), reason="upstream")
    end(app, "mail", "FAILURE", error("ChordError"), reason="upstream")


def waiting(app: KernelQ) -> list[Message]:
    """The messages that wait; they are taken."""
    consumer = app.broker.consumer(["default"], id="c1", lease=15.0)
    found = [delivery.message for delivery in consumer.fetch(100, 0)]
    return [message for message in found if isinstance(message, Message)]


def known(app: KernelQ, *ids: str) -> set[str]:
    return set(app.backend.get_many(ids))


# --- what it does --------------------------------------------------------------------------------


def test_only_what_failed_itself_is_published_again(app: KernelQ, store: WorkflowStore) -> None:
    chord_failed(app, store)

    assert app.AsyncResult("mail").retry_failed() == 1

    assert [message.id for message in waiting(app)] == ["large"]
    assert known(app, "load", "small", "large", "zip", "mail") == {"load", "small"}


def test_its_chord_waits_for_it_again_and_for_no_other(app: KernelQ, store: WorkflowStore) -> None:
    chord_failed(app, store)

    app.AsyncResult("mail").retry_failed()

    join = store.join("j1")
    assert join is not None
    assert (join.state, join.arrived) == (WAITING, 1)
    assert store.apply([Arrive(join="j1", place=1, part=b"large")]) == [helper("j1")]


def test_it_is_called_as_the_first_time_but_to_run_now(app: KernelQ, store: WorkflowStore) -> None:
    chord_failed(app, store, retries=3, eta=1.0, expires=2.0, sent_at=1.0, chord="j1/1", priority=3)

    app.AsyncResult("mail").retry_failed()

    (message,) = waiting(app)
    assert (message.retries, message.eta, message.expires) == (0, None, None)
    assert (message.chord, message.priority) == ("j1/1", 3)
    assert message.sent_at is not None
    assert message.sent_at > 1.0


def test_a_body_that_failed_itself_is_run_again_without_its_header(app: KernelQ, store: WorkflowStore) -> None:
    chord_failed(app, store)
    end(app, "large")
    fail(app, store, "zip")
    store.apply([Forget(join="j1"), Open(join="j1", message=helper("j1"), size=0), Close(join="j1", state=DONE)])

    assert app.AsyncResult("mail").retry_failed() == 1

    assert [message.id for message in waiting(app)] == ["zip"]
    join = store.join("j1")
    assert join is not None
    assert join.state == DONE


def test_a_join_that_is_complete_fires_again(app: KernelQ, store: WorkflowStore) -> None:
    chord_failed(app, store)
    end(app, "large")
    store.apply(
        [
            Forget(join="j1"),
            Open(join="j1", message=helper("j1"), size=1),
            Arrive(join="j1", place=0, part=b""),
            Close(join="j1", state=FAILED),
        ]
    )

    assert app.AsyncResult("mail").retry_failed() == 1
    assert [message.id for message in waiting(app)] == ["j1-fires"]


def test_every_member_of_a_group_that_did_not_succeed_runs_again(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, group("g", *(task(f"t{i}") for i in range(4))), "g")
    for id in ("t0", "t2"):
        end(app, id)
    fail(app, store, "t1")
    fail(app, store, "t3", "REVOKED")
    result: GroupResult[Any] = app.GroupResult("g", [app.AsyncResult(f"t{i}") for i in range(4)])

    assert (result.completed_count(), result.total_count(), result.failed()) == (2, 4, True)
    assert result.retry_failed() == 2

    assert sorted(message.id for message in waiting(app)) == ["t1", "t3"]
    assert result.ready() is False


def test_where_nothing_failed_nothing_is_done(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, chain(task("a"), task("b")), "b")
    end(app, "b")

    assert app.AsyncResult("b").retry_failed() == 0
    assert waiting(app) == []


def test_a_result_that_has_failed_waits_for_its_new_end(app: KernelQ, store: WorkflowStore) -> None:
    chord_failed(app, store)
    result = app.AsyncResult("mail", parent=app.AsyncResult("large"))
    told: list[Any] = []
    result.on_ready.then(told.append)
    assert isinstance(result.get(timeout=30, propagate=False), ChordError)
    with pytest.raises(ValueError, match="no"):
        result.get(timeout=30)

    result.retry_failed()

    assert (result.state, result.ready(), told) == ("PENDING", False, [result])
    result.on_ready.then(told.append)
    end(app, "large")
    end(app, "mail", value="sent")
    assert result.get(timeout=30) == "sent"
    assert told == [result, result]


# --- when it is refused --------------------------------------------------------------------------


def test_a_workflow_that_goes_on_is_left_alone(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, group("g", task("a"), task("b")), "g")
    fail(app, store, "a")

    with pytest.raises(WorkflowNotFinished, match=r"g has not finished: 1 of 2 tasks have not ended \(b\)"):
        app.AsyncResult("g").retry_failed()
    assert waiting(app) == []


def test_a_task_of_no_workflow_cannot_be_run_again(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, task("root"), "root")
    end(app, "called", root_id="root")

    for id in ("called", "never"):
        with pytest.raises(UnknownWorkflow):
            app.AsyncResult(id).retry_failed()


@pytest.mark.parametrize("lost", ["large", "small", "zip"])
def test_a_message_that_is_not_kept_any_more_is_said_before_anything_is_done(
    app: KernelQ, store: WorkflowStore, lost: str
) -> None:
    chord_failed(app, store)
    end(app, "load")
    app.backend.forget([lost])
    end(app, lost, "FAILURE", error("ValueError"))
    if lost == "large":
        store.apply([Keep(key="failed:large", value=pack(helper("j1"))[:-1])])

    with pytest.raises(MessageNotKept, match=rf"tasks .* mail cannot be run again, .*: {lost}\b.*; call it anew"):
        app.AsyncResult("mail").retry_failed()

    assert waiting(app) == []
    assert known(app, "large", "zip", "mail") == {"large", "zip", "mail"}


NOTE = b'{"undone":["large","zip","mail"],"started":["large"],"is_undone":true}'

# --- crashes -------------------------------------------------------------------------------------


class Crash(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("step", ["forget", "publish", "drop"])
def test_a_call_that_was_cut_off_is_finished_by_another(
    app: KernelQ, store: WorkflowStore, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chord_failed(app, store)
    owner, name = {"forget": (app.backend, "forget"), "publish": (app.publisher, "publish"), "drop": (store, "apply")}[
        step
    ]
    real = getattr(owner, name)
    calls: list[Any] = []

    def crash(argument: Any) -> Any:
        calls.append(argument)
        if step == "drop" and len(calls) == 1:
            return real(argument)
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, crash)
        with pytest.raises(Crash):
            app.AsyncResult("mail").retry_failed()

    assert app.AsyncResult("mail").retry_failed() == 1

    assert [message.id for message in waiting(app)] == ["large"]  # once: it waits still
    assert known(app, "large", "zip", "mail") == set()
    with pytest.raises(WorkflowNotFinished):
        app.AsyncResult("mail").retry_failed()


def test_what_has_succeeded_since_a_call_that_was_cut_off_is_not_undone(
    app: KernelQ, store: WorkflowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    chord_failed(app, store)
    store.apply([Keep(key="retrying:mail", value=NOTE)])
    for id in ("large", "zip", "mail"):
        app.backend.forget([id])
        end(app, id)

    assert app.AsyncResult("mail").retry_failed() == 0

    assert {id: outcome.state for id, outcome in app.backend.get_many(["large", "zip", "mail"]).items()} == {
        "large": SUCCESS, "zip": SUCCESS, "mail": SUCCESS,
    }  # fmt: skip
    assert store.kept(["retrying:mail"]) == {}


def test_a_task_that_fails_again_can_be_run_again_once_more(app: KernelQ, store: WorkflowStore) -> None:
    chord_failed(app, store)
    app.AsyncResult("mail").retry_failed()
    store.apply([Arrive(join="j1", place=1, part=b"", failed=True), Close(join="j1", state=FAILED)])
    fail(app, store, "large")
    end(app, "zip", "FAILURE", error("ChordError"), reason="upstream")
    end(app, "mail", "FAILURE", error("ChordError"), reason="upstream")

    assert app.AsyncResult("mail").retry_failed() == 1


def test_a_task_without_an_outcome_runs_again_when_its_message_is_kept(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, chain(task("a"), task("b")), "b")
    fail(app, store, "a")
    app.backend.forget(["a"])  # it said that its end is to be ignored
    end(app, "b", "REVOKED", error("TaskRevokedError"), reason="upstream")

    assert app.AsyncResult("b").retry_failed() == 1
    with pytest.raises(WorkflowNotFinished):
        app.AsyncResult("b").retry_failed()
    assert [message.id for message in waiting(app)] == ["a"]


def test_what_a_task_was_replaced_by_is_not_found_and_nothing_is_undone(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, group("g", chain(task("a"), task("b")), task("c")), "g")
    fail(app, store, "c")
    for id in ("a", "b"):  # a task in the place of `a` has failed, of which the plan knows nothing
        end(app, id, "FAILURE", error("ValueError"), reason="upstream")

    with pytest.raises(MessageNotKept, match=r"2 of 3 tasks .*: a, b; call it anew"):
        app.AsyncResult("g").retry_failed()
    assert waiting(app) == []


def test_a_join_that_waits_for_what_the_plan_does_not_know_is_said(app: KernelQ, store: WorkflowStore) -> None:
    chord_failed(app, store)
    end(app, "large")  # but a task that it added to the header has failed
    store.apply([Keep(key="failed:large", value=b"!")])

    with pytest.raises(MessageNotKept, match="2 of 5 tasks .*: zip, mail; call it anew"):
        app.AsyncResult("mail").retry_failed()
