"""Results as a tree, results of tasks run on the spot, and what is kept beside a value."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest
from kernelq import AsyncResult, KernelQ
from kernelq.contracts import FAILURE, RETRY, REVOKED, SUCCESS, Outcome
from kernelq.errors import ContentDisallowed, TaskRevokedError
from kernelq.exceptions import IncompleteStream, RemoteTraceback
from kernelq.result import EagerResult, GroupResult


def store(app: KernelQ, id: str, value: Any = None, *children: Any, **fields: Any) -> AsyncResult[Any]:
    dumped = app.serializer("json").dumps(value)
    app.backend.apply(
        [Outcome(id=id, state=fields.pop("state", SUCCESS), value=dumped, children=tuple(children), **fields)]
    )
    return app.AsyncResult(id)


@pytest.fixture
def root(app: KernelQ) -> AsyncResult[Any]:
    """root → (a → c, the group g of b)."""
    store(app, "b", 2)
    store(app, "c", 3)
    store(app, "a", 1, (("c", None), None))
    return store(app, "root", 0, (("a", None), None), (("g", None), [(("b", None), None)]))


# --- the tree ------------------------------------------------------------------------------------


def test_children_are_results_again(app: KernelQ, root: AsyncResult[Any]) -> None:
    first, second = root.children

    assert (first, type(second), second.results) == ("a", GroupResult, ["b"])
    assert first.get(timeout=0) == 1
    assert app.AsyncResult("unknown").children == []


def test_the_tree_is_walked_level_by_level(root: AsyncResult[Any]) -> None:
    walked = [(parent and parent.id, node.id) for parent, node in root.iterdeps()]

    assert walked == [(None, "root"), ("root", "a"), ("root", "g"), ("a", "c"), ("g", "b")]
    assert [(result.id, value) for result, value in root.collect()] == [
        ("root", 0), ("a", 1), ("g", [2]), ("c", 3), ("b", 2),
    ]  # fmt: skip
    assert root.get_leaf() == 2


def test_an_incomplete_tree_is_walked_only_when_that_is_asked_for(app: KernelQ) -> None:
    root = store(app, "root", 0, (("a", None), None))

    with pytest.raises(IncompleteStream, match=r"\[a\] has not ended"):
        list(root.iterdeps())
    assert [node.id for _, node in root.iterdeps(intermediate=True)] == ["root", "a"]


def test_the_tree_can_be_drawn(root: AsyncResult[Any]) -> None:
    graph, drawing = root.graph, io.StringIO()
    graph.to_dot(drawing)

    assert '"root" -> "a";' in drawing.getvalue()
    assert graph[root] == ["a", "g"]
    assert (len(graph), graph.valency_of(root), graph.topsort()[-1]) == (5, 4, "root")
    assert graph.valency_of("unknown") == 0
    assert list(graph.edges()) == ["root", "a", "g"]
    assert (next(iter(graph)), root in graph, dict(graph.items())[root]) == ("root", True, ["a", "g"])
    labelled = io.StringIO()
    root.build_graph(formatter=lambda node: f'say "{node.id}"').to_dot(labelled)
    assert r'"say \"root\""' in labelled.getvalue()


def test_the_graph_of_an_incomplete_tree_is_refused_when_it_is_looked_at(app: KernelQ) -> None:
    graph = store(app, "root", 0, (("a", None), None)).graph

    with pytest.raises(IncompleteStream, match=r"\[a\] has not ended"):
        len(graph)
    store(app, "a", 1)
    assert len(graph) == 2


def test_a_chain_s_result_knows_the_way_back(app: KernelQ) -> None:
    last = AsyncResult[int]("3", app=app, parent=AsyncResult("2", app=app, parent=app.AsyncResult("1")))

    assert last.as_tuple() == (("3", (("2", (("1", None), None)), None)), None)
    assert last.as_list() == ["3", "2", "1"]
    assert pickle.loads(pickle.dumps(last)).parent.parent == "1"


def test_a_task_that_returns_a_result_stores_its_tuple(app: KernelQ, lane: Any) -> None:
    group = GroupResult[int]("g", [app.AsyncResult("a")], app=app)
    one = app.task(name="one")(lambda: app.AsyncResult("a")).delay()
    many = app.task(name="many")(lambda: group).delay()

    lane.run_all()

    assert one.get(timeout=0) == [["a", None], None]
    assert many.get(timeout=0) == [["g", None], [[["a", None], None]]]


# --- what is kept beside the value ---------------------------------------------------------------


def test_an_id_may_be_given_by_either_name(app: KernelQ) -> None:
    assert AsyncResult(id="i1") == AsyncResult(task_id="i1") == "i1"
    assert AsyncResult("i1", backend=app.backend, app=app).state == "PENDING"
    with pytest.raises(ValueError, match="expected the id of a task, got None"):
        AsyncResult(None)


def test_a_result_knows_its_task_worker_and_retries(app: KernelQ) -> None:
    result = store(app, "i1", 7, task="add", worker="w@h", retries=2)

    assert (result.name, result.worker, result.retries) == ("add", "w@h", 2)
    assert (result.args, result.kwargs, result.queue) == (None, None, None)
    unknown = app.AsyncResult("i2")
    assert (unknown.name, unknown.worker, unknown.retries, unknown.args, unknown.queue) == (None,) * 5
    assert (AsyncResult("i2", task_name="add", app=app).name, unknown.kwargs) == ("add", None)


def test_extended_results_keep_the_arguments_as_they_were(app: KernelQ, lane_of: Any) -> None:
    app.conf.result_extended = True
    seen: list[Any] = []
    result = app.task(name="t")(lambda *args, **kwargs: 7).apply_async(({"a"}, 2), {"b": b"3"}, queue="mail")
    lane_of(app, "mail").run_all()

    assert (result.args, result.kwargs, result.queue, result.name) == ([{"a"}, 2], {"b": b"3"}, "mail", "t")
    app.AsyncResult(result.id).get(timeout=0, on_message=seen.append)
    meta = seen[0]
    assert (meta["name"], meta["args"], meta["queue"], meta["retries"]) == ("t", [{"a"}, 2], "mail", 0)
    assert meta["date_done"].endswith("+00:00")


def test_a_result_of_a_serializer_that_is_not_accepted_is_not_decoded(app: KernelQ) -> None:
    outcome = Outcome(id="i1", state=SUCCESS, value=pickle.dumps(7), content_type="application/x-python-serialize")
    app.backend.apply([outcome])

    with pytest.raises(ContentDisallowed, match="result_accept_content"):
        app.AsyncResult("i1").get(timeout=0)

    app.conf.result_accept_content = ["json", "pickle"]
    assert app.AsyncResult("i1").get(timeout=0) == 7


def test_the_worker_s_traceback_is_the_cause_when_the_setting_says_so(app: KernelQ) -> None:
    described = {"exc_type": "ValueError", "exc_module": "builtins", "exc_message": ["no"]}
    result = store(app, "i1", described, state=FAILURE, traceback="Traceback …\nValueError: no\n")
    assert result.result.__cause__ is None

    app.conf.task_remote_tracebacks = True

    with pytest.raises(ValueError, match="no") as error:
        result.get(timeout=0)
    assert isinstance(error.value.__cause__, RemoteTraceback)
    assert "ValueError: no" in str(error.value.__cause__)


def test_a_copy_is_the_same_result(app: KernelQ) -> None:
    ignored = AsyncResult[int]("i1", app=app, task_name="add", ignored=True)

    made = copy.copy(ignored)

    assert (made, made.ignored, made.task_name) == (ignored, True, "add")


# --- run on the spot -----------------------------------------------------------------------------


def test_what_ran_on_the_spot_is_ready_with_its_value() -> None:
    result = EagerResult[int]("e1", 7, SUCCESS, name="add")

    assert (result.get(), result.result, result.state, result.name, result.traceback) == (7, 7, SUCCESS, "add", None)
    assert (result.ready(), result.successful(), result.failed(), result.exists()) == (True, True, False, True)
    assert (result.children, result.supports_native_join, repr(result)) == ([], False, "<EagerResult: e1>")
    result.forget()
    assert result.get(timeout=0) == 7


def test_what_failed_on_the_spot_raises_its_exception() -> None:
    error = KeyError("boom")
    result = EagerResult[int]("e1", error, FAILURE, "Traceback …")

    with pytest.raises(KeyError, match="boom") as raised:
        result.get()
    assert raised.value is error
    assert result.get(propagate=False) is error
    assert (result.failed(), result.traceback) == (True, "Traceback …")
    with pytest.raises(KeyError):
        result.maybe_throw()


def test_what_asked_for_another_run_on_the_spot_is_none() -> None:
    assert EagerResult[int]("e1", RuntimeError("again"), RETRY).get() is None
    assert EagerResult[int]("e1", None, "IGNORED").get() is None


def test_what_ran_on_the_spot_can_be_revoked_still() -> None:
    result = EagerResult[int]("e1", 7, SUCCESS)

    result.revoke()

    assert result.state == REVOKED
    with pytest.raises(TaskRevokedError):
        result.get()


def test_a_callback_on_what_ran_on_the_spot_is_called_at_once() -> None:
    called: list[Any] = []
    result = EagerResult[int]("e1", 7, SUCCESS)

    result.then(called.append)

    assert called == [result]
    assert pickle.loads(pickle.dumps(result)).get() == 7
