"""Results of many tasks as one: sets, and groups that can be saved."""

from __future__ import annotations

import asyncio
import pickle
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from kernelq import AsyncResult, KernelQ
from kernelq.contracts import FAILURE, SUCCESS, CapabilityMissing, Outcome
from kernelq.errors import TimeoutError
from kernelq.exceptions import BackendStoreError, NotKept
from kernelq.result import EagerResult, GroupResult, ResultSet, result_from_tuple


def store(app: KernelQ, id: str, value: Any = None) -> AsyncResult[Any]:
    app.backend.apply([Outcome(id=id, state=SUCCESS, value=app.serializer("json").dumps(value))])
    return app.AsyncResult(id)


def fail(app: KernelQ, id: str, error: BaseException) -> AsyncResult[Any]:
    described = {"exc_type": type(error).__name__, "exc_module": "builtins", "exc_message": error.args}
    app.backend.apply([Outcome(id=id, state=FAILURE, value=app.serializer("json").dumps(described))])
    return app.AsyncResult(id)


def set_of(app: KernelQ, *ids: str) -> ResultSet[Any]:
    return app.ResultSet([app.AsyncResult(id) for id in ids])


def group_of(app: KernelQ, *ids: str) -> GroupResult[Any]:
    return app.GroupResult("g", [app.AsyncResult(id) for id in ids])


# --- the list ------------------------------------------------------------------------------------


def test_a_set_is_a_list_without_repetitions(app: KernelQ) -> None:
    results = set_of(app, "a")

    results.add(app.AsyncResult("b"))
    results.add(app.AsyncResult("a"))
    results.update([app.AsyncResult("c"), app.AsyncResult("b")])
    assert [result.id for result in results] == ["a", "b", "c"]
    assert (len(results), results[1], app.AsyncResult("c") in results) == (3, "b", True)

    results.remove(app.AsyncResult("a"))
    results.remove("b")
    results.discard("b")
    assert results == set_of(app, "c")
    with pytest.raises(KeyError, match="zzz"):
        results.remove("zzz")

    results.clear()
    assert not results
    assert results.get(timeout=0) == []


def test_what_is_added_after_the_end_counts(app: KernelQ) -> None:
    store(app, "a", 1)
    results = set_of(app, "a")
    results.then(lambda _: None)
    assert results.get(timeout=30) == [1]

    results.add(store(app, "b", 2))

    assert results.get(timeout=30) == [1, 2]


# --- looking -------------------------------------------------------------------------------------


def test_a_set_with_a_failure_is_ready_failed_and_not_successful(app: KernelQ) -> None:
    store(app, "a", 1)
    fail(app, "b", KeyError("boom"))
    results = set_of(app, "a", "b")

    assert (results.ready(), results.waiting(), results.successful(), results.failed()) == (True, False, False, True)
    assert results.completed_count() == 1
    assert isinstance(results.join(propagate=False)[1], KeyError)
    with pytest.raises(KeyError):
        results.get(timeout=0)
    with pytest.raises(KeyError):
        results.maybe_throw()
    results.maybe_throw(propagate=False)


def test_a_set_waits_for_its_last_member(app: KernelQ) -> None:
    store(app, "a", 1)
    results = set_of(app, "a", "b")

    assert (results.ready(), results.waiting(), results.successful(), results.completed_count()) == (
        False,
        True,
        False,
        1,
    )


def test_looking_at_a_set_is_one_question(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, get_many = [], app.backend.get_many
    monkeypatch.setattr(app.backend, "get_many", lambda ids: asked.append(sorted(ids)) or get_many(ids))

    assert not set_of(app, "a", "b", "c").ready()

    assert asked == [["a", "b", "c"]]


# --- waiting -------------------------------------------------------------------------------------


def test_waiting_for_a_set_is_one_watch(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    watched, watch = [], app.backend.watch
    monkeypatch.setattr(app.backend, "watch", lambda ids: watched.append(sorted(ids)) or watch(ids))
    results = app.ResultSet([app.AsyncResult("a"), group_of(app, "b", "c"), app.AsyncResult("d")])
    for i, id in enumerate("dcba"):
        store(app, id, i)

    assert results.get(timeout=30) == [3, [2, 1], 0]

    assert watched == [["a", "b", "c", "d"]]


@pytest.mark.parametrize("how", ["get", "join", "join_native"])
def test_values_are_in_the_order_of_the_members(app: KernelQ, how: str) -> None:
    results = set_of(app, "a", "b", "c")
    for i, id in enumerate("cab"):
        store(app, id, i)

    assert getattr(results, how)(timeout=30) == [1, 2, 0]


def test_joining_calls_back_in_the_members_order_and_native_joining_as_they_come(app: KernelQ) -> None:
    def end_one_more(*called: Any) -> None:
        called_back.append(called)
        store(app, "a", 1)

    for how, order, returned in (("join", ["a", "b"], []), ("join_native", ["b", "a"], None)):
        called_back: list[Any] = []
        app.backend.forget(["a", "b"])
        store(app, "b", 2)
        if how == "join":
            store(app, "a", 1)
        assert getattr(set_of(app, "a", "b"), how)(timeout=30, callback=end_one_more) == returned
        assert [id for id, _ in called_back] == order


def test_native_joining_raises_what_fails_first_and_joining_what_stands_first(app: KernelQ) -> None:
    fail(app, "b", KeyError("boom"))

    with pytest.raises(KeyError):
        set_of(app, "a", "b").join_native(timeout=30)
    with pytest.raises(TimeoutError):
        set_of(app, "a", "b").join(timeout=0.01)


def test_a_timeout_is_for_all_together_and_counts_the_missing(app: KernelQ) -> None:
    store(app, "a", 1)

    with pytest.raises(TimeoutError, match=r"2 of 3 tasks were not done within 0.01 s; they go on"):
        set_of(app, "a", "b", "c").get(timeout=0.01)


def test_members_can_be_seen_as_they_end(app: KernelQ) -> None:
    store(app, "b", 2)
    members = set_of(app, "a", "b").iter_native(timeout=30)

    first = next(members)
    store(app, "a", 1)
    second = next(members)

    assert (first[0], first[1]["result"], second[0], second[1]["result"]) == ("b", 2, "a", 1)


def test_states_on_the_way_are_told(app: KernelQ) -> None:
    seen: list[Any] = []
    store(app, "a", 1)
    store(app, "b", 2)

    set_of(app, "a", "b").join(timeout=30, on_message=lambda meta: seen.append(meta["task_id"]))

    assert sorted(seen) == ["a", "b"]


def test_members_that_are_ignored_are_none_at_once(app: KernelQ) -> None:
    store(app, "a", 1)
    results = app.ResultSet([AsyncResult("x", app=app, ignored=True), app.AsyncResult("a")])

    assert results.get(timeout=30) == [None, 1]


def test_members_run_on_the_spot_stand_beside_others(app: KernelQ) -> None:
    store(app, "a", 1)

    assert app.ResultSet([EagerResult("e", 5, SUCCESS), app.AsyncResult("a")]).get(timeout=30) == [5, 1]


def test_a_set_can_be_awaited(app: KernelQ) -> None:
    store(app, "a", 1)
    store(app, "b", 2)
    fail(app, "c", KeyError("boom"))

    assert asyncio.run(set_of(app, "a", "b").aget(timeout=30)) == [1, 2]
    assert isinstance(asyncio.run(set_of(app, "a", "c").aget(timeout=30, propagate=False))[1], KeyError)
    with pytest.raises(KeyError):
        asyncio.run(set_of(app, "never", "c").aget(timeout=30))
    with pytest.raises(TimeoutError, match="1 of 2 tasks|1 of 1 tasks"):
        asyncio.run(set_of(app, "never", "a").aget(timeout=0.05))


def test_a_callback_gets_the_set_when_its_last_task_ends(app: KernelQ) -> None:
    called, rung = [], threading.Event()
    results = set_of(app, "a", "b")
    results.then(lambda ready: (called.append(ready), rung.set()))

    store(app, "a", 1)
    store(app, "b", 2)

    assert rung.wait(30)
    assert called == [results]
    assert called[0] is results


def test_a_callback_on_an_empty_set_is_called_at_once(app: KernelQ) -> None:
    called: list[Any] = []

    app.ResultSet([]).then(called.append)

    assert len(called) == 1


# --- doing ---------------------------------------------------------------------------------------


def test_forgetting_a_set_forgets_its_members(app: KernelQ) -> None:
    store(app, "a", 1)
    store(app, "b", 2)
    on_the_spot = EagerResult[int]("e", 5, SUCCESS)
    results = app.ResultSet([app.AsyncResult("a"), app.AsyncResult("b"), on_the_spot])
    assert results.ready()

    results.forget()

    assert not results.ready()
    assert [app.AsyncResult(id).exists() for id in "ab"] == [False, False]
    assert on_the_spot.get() == 5


def test_revoking_asks_whatever_talks_to_the_workers(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    control = SimpleNamespace(revoke=lambda *args, **options: asked.append((args, options)))
    monkeypatch.setattr(app, "control", control, raising=False)

    group_of(app, "a", "b").revoke(terminate=True, signal="SIGKILL")
    app.AsyncResult("a").revoke()

    assert asked == [
        ((["a", "b"],), {"terminate": True, "signal": "SIGKILL", "reply": False}),
        (("a",), {"terminate": False, "reply": False}),
    ]


def test_revoking_without_anybody_who_talks_to_workers_says_so(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "control", None, raising=False)

    with pytest.raises(CapabilityMissing, match="no plugin offers app.control"):
        set_of(app, "a").revoke()


# --- groups --------------------------------------------------------------------------------------


def test_a_group_is_its_id_and_always_true(app: KernelQ) -> None:
    group = group_of(app, "a", "b")

    assert str(group) == "g"
    assert repr(group) == "<GroupResult: g [a, b]>"
    assert repr(set_of(app, "a", "b")) == "<ResultSet: [a, b]>"
    assert group == group_of(app, "a", "b")
    assert group == "g"
    assert group != group_of(app, "a")
    assert hash(group) == hash("g")
    assert app.GroupResult("g", [])
    assert GroupResult().id != GroupResult().id
    assert (group.children, group.as_list()) == (group.results, ["g", "a", "b"])
    assert pickle.loads(pickle.dumps(group)) == group
    assert pickle.loads(pickle.dumps(set_of(app, "a"))) == set_of(app, "a")


def test_a_saved_group_is_found_by_its_id(app: KernelQ) -> None:
    group = group_of(app, "a", "b")
    group.parent = app.AsyncResult("p")
    store(app, "a", 1)
    store(app, "b", 2)

    group.save()
    restored = app.GroupResult.restore("g")

    assert restored == group
    assert restored is not None
    assert restored.get(timeout=30) == [1, 2]
    assert GroupResult.restore("g", app=app) == group
    assert app.GroupResult.restore("nobody") is None
    assert app.GroupResult.restore("a") is None


def test_a_group_can_be_saved_again_and_deleted(app: KernelQ) -> None:
    group = group_of(app, "a")
    group.save()
    group.add(app.AsyncResult("b"))

    group.save()
    assert app.GroupResult.restore("g") == group

    group.delete()
    assert app.GroupResult.restore("g") is None


def test_a_group_is_not_saved_over_a_task(app: KernelQ) -> None:
    store(app, "g", 1)

    with pytest.raises(BackendStoreError, match="a task has its id"):
        group_of(app, "a").save()


def test_a_backend_that_keeps_nothing_saves_no_group(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.backend, "reply_to", "somewhere")

    with pytest.raises(NotKept, match="cannot save a group with MemoryBackend"):
        group_of(app, "a").save()
    with pytest.raises(NotImplementedError):
        app.GroupResult.restore("g")


def test_a_group_is_stored_as_a_tuple(app: KernelQ) -> None:
    group = group_of(app, "a", "b")
    nested = GroupResult[Any]("outer", [group], parent=app.AsyncResult("p"), app=app)

    assert group.as_tuple() == (("g", None), [(("a", None), None), (("b", None), None)])
    assert result_from_tuple(nested.as_tuple(), app) == nested
    assert result_from_tuple([["g", None], [[["a", None], None], [["b", None], None]]], app) == group
    assert result_from_tuple(group, app) is group


def test_results_have_types_to_write_down(app: KernelQ) -> None:
    assert AsyncResult[int]
    assert GroupResult[int]
    assert app.AsyncResult[int] is app.AsyncResult
    assert issubclass(app.GroupResult, GroupResult)
    assert app.GroupResult is app.GroupResult
