"""Results beside what was measured on Celery: one row for each value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kernelq import AsyncResult, KernelQ
from kernelq.contracts import Outcome
from kernelq.result import GroupResult


def end(app: KernelQ, id: str, value: Any, state: str = "SUCCESS", **fields: Any) -> AsyncResult[Any]:
    app.backend.apply([Outcome(id=id, state=state, value=app.serializer("json").dumps(value), **fields)])
    return app.AsyncResult(id)


def error(name: str, *arguments: Any, module: str = "builtins") -> dict[str, Any]:
    return {"exc_type": name, "exc_message": list(arguments), "exc_module": module}


def meta(app: KernelQ, result: AsyncResult[Any]) -> dict[str, Any]:
    seen: list[dict[str, Any]] = []
    result.get(timeout=0, propagate=False, on_message=seen.append)
    return seen[0]


def raised(call: Callable[[], Any]) -> str:
    try:
        call()
    except Exception as error:  # noqa: BLE001  (any of them is the answer)
        return type(error).__name__
    return "nothing"


def ok_and_fail(app: KernelQ) -> GroupResult[Any]:
    return app.GroupResult("g", [end(app, "a", 1), end(app, "b", error("KeyError", "boom"), "FAILURE")])


def a_chain(app: KernelQ) -> AsyncResult[Any]:
    first = end(app, "id1", 2, children=((("id2", None), None),))
    return app.AsyncResult("id3", parent=app.AsyncResult("id2", parent=first))


def linked(app: KernelQ) -> AsyncResult[Any]:
    end(app, "a", 12)
    end(app, "b", 13)
    return end(app, "first", 4, children=((("g", None), [(("a", None), None), (("b", None), None)]),))


def done(app: KernelQ, lane_of: Any) -> AsyncResult[Any]:
    app.conf.result_extended = True
    result = app.task(name="add")(lambda x, y: x + y).delay(2, 2)
    lane_of(app).run_all()
    return result


ROWS: list[tuple[str, Callable[..., Any], Any]] = [
    ("group(ok, fail): get", lambda app, _: raised(lambda: ok_and_fail(app).get(timeout=30)), "KeyError"),
    ("… ready", lambda app, _: ok_and_fail(app).ready(), True),
    ("… successful", lambda app, _: ok_and_fail(app).successful(), False),
    ("… failed", lambda app, _: ok_and_fail(app).failed(), True),
    ("… completed_count", lambda app, _: ok_and_fail(app).completed_count(), 1),
    ("… join(propagate=False)", lambda app, _: repr(ok_and_fail(app).join(propagate=False)), "[1, KeyError('boom')]"),
    ("group()", lambda app, _: app.GroupResult("g", []).get(timeout=30), []),
    ("chain a|b|c: as_tuple", lambda app, _: a_chain(app).as_tuple(), (("id3", (("id2", (("id1", None), None)), None)), None)),
    ("… parent's children", lambda app, _: a_chain(app).parent.parent.children, ["id2"]),  # type: ignore[union-attr]
    ("link of two: value", lambda app, _: linked(app).get(timeout=30), 4),
    ("… children", lambda app, _: [type(each).__name__ for each in linked(app).children], ["GroupResult"]),
    ("… their values", lambda app, _: linked(app).children[0].get(timeout=30), [12, 13]),
    ("group(1,2): as stored", lambda app, _: app.GroupResult("G", [app.AsyncResult("id1"), app.AsyncResult("id2")]).__json__(),
     [["G", None], [[["id1", None], None], [["id2", None], None]]]),
    ("revoked", lambda app, _: repr(end(app, "i", error("TaskRevokedError", "revoked", module="kernelq.errors"), "REVOKED").result), "TaskRevokedError('revoked')"),
    ("expired, of a Celery worker", lambda app, _: repr(end(app, "i", error("TaskRevokedError", "expired", module="celery.exceptions"), "REVOKED").result), "TaskRevokedError('expired')"),
    ("… get", lambda app, _: raised(end(app, "i", error("TaskRevokedError", "x", module="kernelq.errors"), "REVOKED").get), "TaskRevokedError"),
    ("AsyncResult(None)", lambda app, _: raised(lambda: app.AsyncResult(None)), "ValueError"),
    ("AsyncResult('zzz').state", lambda app, _: app.AsyncResult("zzz").state, "PENDING"),
    ("AsyncResult('zzz').exists()", lambda app, _: app.AsyncResult("zzz").exists(), False),
    ("get(timeout) elapsed", lambda app, _: raised(lambda: app.AsyncResult("zzz").get(timeout=0)), "TimeoutError"),
    ("extended meta", lambda app, lane_of: {name: value for name, value in meta(app, done(app, lane_of)).items() if name not in ("task_id", "date_done", "reason")},
     {"status": "SUCCESS", "result": 4, "traceback": None, "children": [], "name": "add", "args": [2, 2], "kwargs": {}, "worker": "hand@test", "retries": 0, "queue": "default"}),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "answer"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_result_is_as_users_know_it(app: KernelQ, lane_of: Any, ask: Callable[..., Any], answer: Any) -> None:
    assert ask(app, lane_of) == answer
