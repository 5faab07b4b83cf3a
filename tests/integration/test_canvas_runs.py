"""What canvases give, on every engine that can keep workflows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kernelq import (
    GroupResult,
    Ignore,
    KernelQ,
    Reject,
    Task,
    chain,
    chord,
    group,
    signature,
    uuid,
    xmap,
    xstarmap,
)  # fmt: skip
from kernelq.exceptions import ChordError
from kernelq.testing import start_worker
from waiting import until

PATIENCE = 20.0
"""Seconds a test waits for a result."""

ENGINES = ("memory", "sqlite", "redis", "postgresql", "mysql", "rabbitmq with redis")


def urls(request: pytest.FixtureRequest, folder: Any) -> tuple[str, str]:
    """(broker, backend) of an engine, empty."""
    kind = request.param
    if kind == "memory":
        return "memory://", "memory://"
    if kind == "sqlite":
        return (f"sqlite:///{folder}/queue.sqlite3",) * 2
    if kind == "redis":
        return (f"{request.getfixturevalue('redis_server').url}?prefix={uuid()}",) * 2
    if kind == "rabbitmq with redis":
        backend = f"{request.getfixturevalue('redis_server').url}?prefix={uuid()}"
        return request.getfixturevalue("rabbit_server").url, backend
    server = request.getfixturevalue("postgres_server" if kind == "postgresql" else "maria_server")
    return (server.fresh(uuid()),) * 2


class Proj:
    """An app with a worker, and its tasks."""

    def __init__(self, app: KernelQ) -> None:
        self.app = app
        self.called: list[Any] = []
        task = app.task
        self.add: Task[..., Any] = task(name="proj.add")(lambda x, y, z=0: x + y + z)
        self.xsum: Task[..., Any] = task(name="proj.xsum")(lambda values: sum(values))
        self.ident: Task[..., Any] = task(name="proj.ident")(lambda *args: list(args))
        self.same: Task[..., Any] = task(name="proj.same")(lambda value: value)
        self.fail: Task[..., Any] = task(name="proj.fail", typing=False)(self._fail)
        self.ignore: Task[..., Any] = task(name="proj.ignore", typing=False)(self._ignore)
        self.reject: Task[..., Any] = task(name="proj.reject", typing=False)(self._reject)
        self.errback: Task[..., Any] = task(name="proj.errback")(self._errback)
        self.errback1: Task[..., Any] = task(name="proj.errback1")(lambda id: self.called.append(id))

    def _fail(self, *_: Any) -> None:
        raise KeyError("boom")

    def _ignore(self, *_: Any) -> None:
        raise Ignore("not now")

    def _reject(self, *_: Any) -> None:
        raise Reject("no", requeue=False)

    def _errback(self, request: Any, error: Any, traceback: Any) -> None:
        self.called.append((request.id, error))


@pytest.fixture(scope="module", params=ENGINES)
def proj(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proj]:
    broker, backend = urls(request, tmp_path_factory.mktemp("canvas"))
    with KernelQ("proj", broker=broker, backend=backend, set_as_current=False) as app:
        proj = Proj(app)
        with start_worker(app, pool="threads", concurrency=2):
            yield proj


def value(result: Any) -> Any:
    return None if result is None else result.get(timeout=PATIENCE)


def state(app: KernelQ, id: str) -> str:
    """The state of a task once it has ended."""
    result = app.AsyncResult(id)
    until(result.ready, f"{id} to end", patience=PATIENCE)
    return result.state


RUNS: list[tuple[str, Callable[[Proj], Any], Any]] = [
    ("a task and a task", lambda p: (p.add.s(1, 1) | p.add.s(2))(), 4),
    ("partials of a chain", lambda p: (p.add.s(1) | p.add.s(2)).apply_async((10,)), 13),
    ("a group with an argument", lambda p: group(p.add.s(1), p.add.s(2)).apply_async((10,)), [11, 12]),
    ("a chord with an argument", lambda p: chord([p.add.s(1), p.add.s(2)], p.ident.s()).apply_async((10,)), [[11, 12]]),
    ("a group of one and a task", lambda p: (group([p.add.s(1, 1)]) | p.ident.s())(), [[2]]),
    ("a chain of a group of one", lambda p: chain(group([p.add.s(1, 1)]), p.ident.s())(), [2]),
    ("a group and a group", lambda p: (group(p.add.s(1, 1), p.add.s(1, 1)) | group(p.ident.s(), p.ident.s()))(), [[[2, 2]], [[2, 2]]]),
    ("a group, a group, a task", lambda p: (group(p.add.s(1, 1), p.add.s(1, 1)) | group(p.xsum.s(), p.xsum.s()) | p.ident.s())(), [[4, 4]]),
    ("a group in the middle of a chain", lambda p: (p.add.s(1, 1) | group(p.add.s(2), p.add.s(2)) | p.ident.s() | p.ident.s())(), [[[4, 4]]]),
    ("a group in a group", lambda p: group(p.add.s(1, 1), group(p.add.s(1, 1), p.add.s(5, 5)))(), [2, 2, 10]),
    ("a group in a header, in its order", lambda p: (group(p.add.s(1, 1), group(p.add.s(1, 1), p.add.s(5, 5))) | p.ident.s())(), [[2, 2, 10]]),
    ("a chain in a header", lambda p: chord([chain(p.add.s(1, 1), p.add.s(2)), p.add.s(1, 1)], p.ident.s())(), [[4, 2]]),
    ("a chord in a header", lambda p: chord([chord([p.add.s(1, 1), p.add.s(1, 1)], p.xsum.s()), p.add.s(1, 1)], p.ident.s())(), [[4, 2]]),
    ("a chain that ends in a group, in a header", lambda p: chord([chain(p.add.s(0, 1), group(p.add.s(1), p.add.s(2))), p.same.s(5)], p.ident.s())(), [[[2, 3], 5]]),
    ("an empty header", lambda p: chord([], p.ident.s())(), [[]]),
    ("an empty header given an app", lambda p: chord([], p.ident.s(), app=p.app)(), [[]]),
    ("an empty group", lambda p: group([], app=p.app)(), []),
    ("an empty chain", lambda p: chain(app=p.app)(), None),
    ("a header called with a body", lambda p: chord(p.add.s(i, i) for i in range(3))(p.xsum.s()), 6),
    ("map", lambda p: p.xsum.map([[1, 2], [3]]).delay(), [3, 3]),
    ("starmap", lambda p: p.add.starmap([(1, 2), (3, 4)]).delay(), [3, 7]),
    ("chunks", lambda p: p.add.chunks(zip(range(5), range(5), strict=True), 2)(), [[0, 2], [4, 6], [8]]),
    ("chunks as a header", lambda p: (p.add.chunks([(1, 1), (2, 2)], 1).group() | p.ident.s())(), [[[2], [4]]]),
    ("xmap and xstarmap", lambda p: group(xmap(p.xsum.s(), [[1], [2]], app=p.app), xstarmap(p.add.s(), [(1, 1)], app=p.app))(), [[1, 2], [2]]),
    ("an immutable body", lambda p: (group(p.add.s(1, 1), p.add.s(1, 1)) | p.add.si(7, 7))(), 14),
    ("an immutable step", lambda p: (p.add.s(1, 1) | p.add.si(7, 7))(), 14),
    ("a body that is a chain", lambda p: chord([p.add.s(1, 1)], chain(p.xsum.s(), p.add.s(5)))(), 7),
    ("a body that is a group", lambda p: chord([p.add.s(1, 1), p.add.s(2, 2)], group(p.xsum.s(), p.ident.s()))(), [6, [[2, 4]]]),
    ("a body that is a chord", lambda p: chord([p.add.s(1, 1)], chord([p.xsum.s(), p.xsum.s()], p.xsum.s()))(), 4),
    ("chords one after the other", lambda p: chain(*(chord([p.same.si(n), p.same.si(n)], p.xsum.s()) for n in range(5)))(), 8),
    ("keywords of a partial", lambda p: (p.add.s(1) | p.add.s(2)).apply_async((10,), {"z": 100}), 113),
    ("a chain of sixty", lambda p: chain(p.add.s(0, 1), *(p.add.s(1) for _ in range(59)))(), 60),
    ("groups of fifty in a chain", lambda p: chain(p.same.s(1), *(step for _ in range(3) for step in (group(p.same.s() for _ in range(50)), p.xsum.s())))(), 125_000),
    ("JSON and back", lambda p: signature(json.loads(json.dumps(p.add.s(1, 1) | group(p.add.s(1), p.add.s(2)) | p.xsum.s())), app=p.app).delay(), 7),
    ("a generator of members", lambda p: group(p.add.s(i, i) for i in range(10))(), [2 * i for i in range(10)]),
    ("a chain with a link", lambda p: _linked(p), 4),
]  # fmt: skip


def _linked(p: Proj) -> Any:
    steps = p.add.s(1, 1) | p.add.s(2)
    steps.link(p.same.si("linked").set(task_id=uuid()))
    return steps()


@pytest.mark.parametrize(("run", "expected"), [row[1:] for row in RUNS], ids=[row[0] for row in RUNS])
def test_what_runs_gives(proj: Proj, run: Callable[[Proj], Any], expected: Any) -> None:
    assert value(run(proj)) == expected


def test_a_generator_of_thousands_is_a_header(proj: Proj) -> None:
    result = chord((proj.same.s(i) for i in range(2500)), proj.xsum.s())()
    assert value(result) == sum(range(2500))
    assert len(result.parent.results) == 2500


def test_the_results_of_a_chain_have_their_parents(proj: Proj) -> None:
    result = chain(proj.add.s(1, 1), proj.add.s(2), proj.add.s(3))()
    assert value(result) == 7
    assert [each.get(timeout=PATIENCE) for each in (result, result.parent, result.parent.parent)] == [7, 4, 2]
    assert result.as_tuple() == (
        (result.id, ((result.parent.id, ((result.parent.parent.id, None), None)), None)), None,
    )  # fmt: skip
    assert result.parent.children == [result]


def test_two_callbacks_are_one_group_among_the_children(proj: Proj) -> None:
    result = proj.add.apply_async((2, 2), link=[proj.add.s(8), proj.add.s(9)])
    assert value(result) == 4
    [children] = result.children
    assert isinstance(children, GroupResult)
    assert value(children) == [12, 13]


def test_a_failing_step_fails_what_comes_after_it(proj: Proj) -> None:
    result = chain(proj.add.s(1, 1), proj.fail.s(), proj.add.s(2), proj.add.s(3))()
    with pytest.raises(KeyError, match="boom"):
        value(result)
    states = [state(proj.app, each.id) for each in (result, *result.ancestors())]
    assert states[::-1] == ["SUCCESS", "FAILURE", "FAILURE", "FAILURE"]


def test_a_failing_step_fails_later_groups_and_chords(proj: Proj) -> None:
    result = chain(
        proj.fail.s(), group(proj.add.s(1), proj.add.s(2)), proj.xsum.s(), group(proj.add.s(1), proj.add.s(2))
    )()
    assert [state(proj.app, each.id) for each in result] == ["FAILURE", "FAILURE"]
    body = result.parent
    assert state(proj.app, body.id) == "FAILURE"
    assert [state(proj.app, each.id) for each in body.parent] == ["FAILURE", "FAILURE"]
    assert proj.app.backend.get_many([body.id])[body.id].reason == "upstream"


def test_a_group_with_a_failing_member(proj: Proj) -> None:
    result = group(proj.same.s(1), proj.fail.s())()
    with pytest.raises(KeyError, match="boom"):
        value(result)
    assert result.get(propagate=False, timeout=PATIENCE)[0] == 1
    assert (result.ready(), result.successful(), result.failed(), result.completed_count()) == (True, False, True, 1)


@pytest.mark.parametrize(
    ("bad", "raised"),
    [("fail", "KeyError"), ("ignore", "Ignore"), ("reject", "Reject"), ("expired", "TaskRevokedError")],
)
def test_a_member_that_does_not_succeed_fails_its_chord(proj: Proj, bad: str, raised: str) -> None:
    member = proj.same.s(1).set(expires=-5) if bad == "expired" else getattr(proj, bad).s().set(task_id=uuid())
    body = proj.xsum.s().on_error(proj.errback1.s()).on_error(proj.errback.s())
    result = chord([proj.same.s(1), member], body)()
    alone = proj.app.AsyncResult(result.id)
    with pytest.raises(ChordError, match=f"Dependency .* raised {raised}"):
        alone.get(timeout=PATIENCE)
    until(lambda: len([each for each in proj.called if result.id in each]) == 2, "both error callbacks")
    if bad == "fail":
        with pytest.raises(KeyError, match="boom"):
            value(result)


def test_a_failed_chord_fails_the_chord_it_is_in_and_what_follows(proj: Proj) -> None:
    inner = chord([proj.fail.s(), proj.same.s(1)], proj.xsum.s())
    result = chain(chord([inner, proj.same.s(2)], proj.xsum.s()), proj.add.s(1))()
    assert state(proj.app, result.id) == "FAILURE"
    assert state(proj.app, result.parent.id) == "FAILURE"
    with pytest.raises(ChordError, match="Dependency .* raised ChordError"):
        proj.app.AsyncResult(result.id).get(timeout=PATIENCE)


def test_members_of_a_group_that_was_the_body_fail_as_the_member_did(proj: Proj) -> None:
    result = chord([proj.fail.s()], group(proj.xsum.s(), proj.xsum.s()))()
    for each in result:
        with pytest.raises(KeyError, match="boom"):
            proj.app.AsyncResult(each.id).get(timeout=PATIENCE)


def test_a_frozen_chord_that_is_sent_again_runs_again(proj: Proj) -> None:
    sig = chain(chord([proj.same.si(1), chord([proj.same.si(1)], proj.xsum.s())], proj.xsum.s()), proj.add.s(1))
    frozen = sig.freeze()
    proj.app.backend.forget([frozen.id])
    first = sig.apply_async()
    assert value(first) == 3
    proj.app.backend.forget([first.id])
    assert value(sig.apply_async()) == 3


def test_a_canvas_as_a_callback(proj: Proj) -> None:
    last = proj.xsum.s().set(task_id=uuid())
    result = proj.add.apply_async((1, 1), link=chord([proj.add.s(1), proj.add.s(2)], last))
    assert value(result) == 2
    [child] = result.children
    assert value(child) == 7


def test_a_workflow_called_in_a_task_belongs_to_its_children(proj: Proj) -> None:
    @proj.app.task(name=f"proj.call.{uuid()}")
    def call() -> None:
        chord([proj.same.s(1), proj.same.s(2)], proj.xsum.s())()

    result = call.delay()
    value(result)
    [child] = result.children
    assert value(child) == 3


@pytest.mark.parametrize("kind", ["task", "chain", "group", "chord"])
def test_a_task_is_replaced_by_a_canvas_and_what_follows_goes_on(proj: Proj, kind: str) -> None:
    made = {
        "task": lambda: proj.ident.s(1),
        "chain": lambda: proj.same.s(1) | proj.ident.s(),
        "group": lambda: group(proj.same.s(1), proj.same.s(2)),
        "chord": lambda: chord([proj.same.s(1), proj.same.s(2)], proj.ident.s()),
    }[kind]

    @proj.app.task(name=f"proj.replaced.{kind}.{uuid()}", bind=True)
    def replaced(self: Any) -> Any:
        return self.replace(made())

    expected = {"task": [1], "chain": [1], "group": [1, 2], "chord": [[1, 2]]}[kind]
    assert value(replaced.delay()) == expected
    assert value((replaced.s() | proj.ident.s())()) == [expected]
    assert value(chord([replaced.s(), proj.same.s(0)], proj.ident.s())()) == [[expected, 0]]


def test_a_task_is_added_to_the_chord_of_the_running_one(proj: Proj) -> None:
    @proj.app.task(name=f"proj.adds.{uuid()}", bind=True)
    def adds(self: Any, value: int) -> int:
        self.add_to_chord(proj.same.s(value + 1))
        self.add_to_chord(proj.same.s(value + 2) | proj.add.s(10))
        return value

    assert value(chord([adds.s(1), proj.same.s(9)], proj.ident.s())()) == [[1, 2, 13, 9]]


def test_a_chain_with_thousands_of_steps_gives_no_long_message(proj: Proj) -> None:
    sizes: list[int] = []

    @proj.app.task(name=f"proj.size.{uuid()}", bind=True)
    def size(self: Any, before: int) -> int:
        sizes.append(len(self.request.message.body))
        return before + 1

    assert value(chain(size.s(0), *(size.s() for _ in range(400)))()) == 401
    assert max(sizes) < 16_384


def test_stamps_reach_every_task(proj: Proj) -> None:
    @proj.app.task(name=f"proj.stamps.{uuid()}", bind=True)
    def stamps(self: Any, *_: Any) -> Any:
        return self.request.stamps.get("tenant")

    sig = chord([stamps.s(), chain(stamps.s(), stamps.s())], proj.ident.s())
    sig.stamp(tenant="a")
    assert value(sig.apply_async()) == [["a", "a"]]
