"""Canvases of generators: what is drawn, what is kept of it, and what is kept as their plan."""

from __future__ import annotations

import gc
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from kernelq import KernelQ, Signature, Task, chord, group
from kernelq_plugins.canvas.lazy import KEPT, Lazy
from kernelq_plugins.canvas.store import store_of


@pytest.fixture
def app() -> Iterator[KernelQ]:
    with KernelQ("streams", broker="memory://", backend="memory://", set_as_current=False) as app:
        yield app


@pytest.fixture
def add(app: KernelQ) -> Task[..., Any]:
    task: Task[..., Any] = app.task(name="add")(lambda x, y: x + y)
    return task


@pytest.fixture
def total(app: KernelQ) -> Task[..., Any]:
    task: Task[..., Any] = app.task(name="total")(lambda values: sum(values))
    return task


# --- what is drawn


def test_what_passes_by_is_kept_while_it_is_little() -> None:
    lazy = Lazy(iter(range(3)), kept=3)

    assert (list(lazy.pass_by()), list(lazy), len(lazy), lazy[1]) == ([0, 1, 2], [0, 1, 2], 3, 1)


def test_what_passed_by_and_was_too_much_says_so_when_it_is_looked_at_again() -> None:
    lazy = Lazy(iter(range(4)), kept=3)

    assert (list(lazy.pass_by()), bool(lazy)) == ([0, 1, 2, 3], True)
    for look in (list, len, lambda each: each[0]):
        with pytest.raises(RuntimeError, match="make the group of a list"):
            look(lazy)


def test_what_was_looked_at_before_it_passes_by_comes_first() -> None:
    lazy = Lazy(iter(range(5)), kept=1).map(str, kept=0)

    assert (next(iter(lazy)), bool(lazy)) == ("0", True)
    assert list(lazy.pass_by()) == ["0", "1", "2", "3", "4"]


def test_without_passing_by_everything_is_kept() -> None:
    lazy = Lazy(iter(range(KEPT + 2)))

    assert len(list(lazy)) == len(list(lazy)) == KEPT + 2


def test_a_source_that_raised_raises_again_and_seems_not_to_be_at_its_end() -> None:
    lazy = Lazy((6 // (2 - i) for i in range(5)), kept=3)
    twin = lazy.map(str)

    for look in (list, list, len, list):
        for each in (twin, lazy):
            with pytest.raises(ZeroDivisionError):
                look(each)
    assert next(iter(twin)) == "3"


def test_a_chord_whose_generator_raises_leaves_nothing_that_waits(
    app: KernelQ, add: Task[..., Any], total: Task[..., Any]
) -> None:
    def members() -> Iterator[Any]:
        yield from (add.s(i, i) for i in range(1500))
        raise OSError("the file with the others is broken")

    sig = chord(members(), total.s())
    store = store_of(app)
    assert store is not None

    for _ in range(2):
        with pytest.raises(OSError, match="the others"):
            sig.apply_async()
        assert store.overdue(fired=-1.0, open=-1.0) == []


def test_a_group_of_a_generator_can_be_started_twice(app: KernelQ, add: Task[..., Any]) -> None:
    sig = group(add.s(i, i) for i in range(20))

    first, second = sig(), sig()

    assert (len(first), len(second)) == (20, 20)
    assert [queue.ready for queue in app.broker.queues()] == [40]


def test_no_more_signatures_are_held_than_are_kept(add: Task[..., Any], total: Task[..., Any]) -> None:
    held: list[int] = []

    def members() -> Iterator[Any]:
        for number in range(2 * KEPT + 10):
            if number == 2 * KEPT:
                gc.collect()
                held.append(sum(type(each) is Signature for each in gc.get_objects()))
            yield add.s(number, 1)

    result = chord(members(), total.s())()

    assert held[0] < KEPT
    assert len(result.parent.results) == 2 * KEPT + 10


# --- plans


@pytest.mark.parametrize("has_body", [False, True])
def test_the_plan_of_a_generator_is_that_of_a_list(
    app: KernelQ, add: Task[..., Any], total: Task[..., Any], *, has_body: bool
) -> None:
    def started(members: Any) -> Any:
        return chord(members, total.s() | add.s(1))() if has_body else group(members)()

    plans = [_plan(app, started(members)) for members in ([add.s(1, 1), add.s(2, 2)], iter([add.s(1, 1), add.s(2, 2)]))]

    assert _shape(plans[0]) == _shape(plans[1])
    assert len(plans[1]["root"]["of"]) == 2


def _plan(app: KernelQ, result: Any) -> dict[str, Any]:
    store = store_of(app)
    assert store is not None
    key = f"plan:{result.id}"
    plan: dict[str, Any] = json.loads(zlib.decompress(store.kept([key])[key]))
    assert plan["id"] == result.id
    return plan


def _shape(node: Any) -> Any:
    """A plan without ids and instants."""
    if isinstance(node, list):
        return [_shape(each) for each in node]
    if isinstance(node, dict):
        return {name: _shape(value) for name, value in node.items() if name not in ("id", "at")}
    return node
