"""Maps: one task over many arguments."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kernelq import KernelQ, Task, chord, group, signature
from kernelq_plugins.canvas.composing import canonical
from kernelq_plugins.canvas.maps import run_map, run_starmap


@pytest.fixture
def add(app: KernelQ) -> Task[..., Any]:
    return app.task(name="proj.add")(lambda x, y: x + y)


@pytest.fixture
def double(app: KernelQ) -> Task[..., Any]:
    return app.task(name="proj.double")(lambda x: 2 * x)


def test_a_map_calls_item_by_item(app: KernelQ, add: Any, double: Any) -> None:
    assert run_map(app, dict(double.s()), [1, 2]) == [2, 4]
    assert run_starmap(app, json.loads(json.dumps(add.s())), [[1, 2], (3, 4)]) == [3, 7]


def test_a_map_is_one_call_that_takes_no_further_arguments(add: Any) -> None:
    sig = add.starmap([(1, 2)])

    assert sig.clone((5,), {"x": 1}, queue="q") == sig.clone().set(queue="q")
    assert canonical(group(sig), (5,)) == group(sig)


@pytest.mark.parametrize("kind", ["map", "starmap"])
def test_items_may_come_from_an_iterator(app: KernelQ, add: Any, kind: str) -> None:
    drawn: list[int] = []
    items = (drawn.append(number) or [number] for number in range(2))  # type: ignore[func-returns-value]
    sig = getattr(add, kind)(items)

    twin = sig.clone()
    assert drawn == []

    serializer = app.serializer("json")
    assert serializer.loads(serializer.dumps(twin))["kwargs"]["it"] == [[0], [1]]
    assert json.loads(json.dumps(sig))["kwargs"]["it"] == [[0], [1]]
    assert drawn == [0, 1]


def test_a_map_keeps_options_and_the_id_it_was_frozen_with(add: Any) -> None:
    sig = add.starmap([(1, 2)]).set(queue="q")

    result = sig.freeze("id")

    assert result.id == "id"
    assert canonical(sig, (), None, {"priority": 3}) == add.starmap([(1, 2)]).set(queue="q", priority=3, task_id="id")


def test_chunks_are_a_group_of_starmaps(add: Any) -> None:
    sig = add.chunks(zip(range(5), range(5), strict=True), 2).set(queue="q")

    pieces = [task.kwargs["it"] for task in sig.group().tasks]

    assert pieces == [[(0, 0), (1, 1)], [(2, 2), (3, 3)], [(4, 4)]]
    assert sig.group().options == {"queue": "q"}
    assert all(task == add.starmap(part) for task, part in zip(sig.group().tasks, pieces, strict=True))


@pytest.mark.parametrize("n", [0, -1, 2.5, "2", None])
def test_chunks_of_no_size_are_refused_when_they_are_made(add: Any, n: Any) -> None:
    with pytest.raises(ValueError, match=f"expected chunks of a whole number of items, at least 1, got {n!r}"):
        add.chunks([(1, 2)], n)


def test_items_that_cannot_be_gone_through_are_named(add: Any) -> None:
    with pytest.raises(TypeError, match="expected the items that a task is to be called with, got 3"):
        add.map(3)


def test_chunks_of_an_iterator_are_drawn_late(add: Any) -> None:
    drawn: list[int] = []
    items = (drawn.append(number) or (number, number) for number in range(4))  # type: ignore[func-returns-value]

    form = canonical(chord(add.chunks(items, 2), add.s()))

    assert form is not None
    assert drawn == []
    assert len(list(form.kwargs["header"].tasks)) == 2


def test_chunks_become_their_group_wherever_they_are(add: Any) -> None:
    for sig in (add.chunks([(1, 2)], 2), signature(json.loads(json.dumps(add.chunks([(1, 2)], 2))))):
        assert canonical(sig) == add.chunks([(1, 2)], 2).group()
        assert canonical(group(sig, add.s(1))) == group(add.starmap([(1, 2)]), add.s(1))
        assert canonical(sig | add.s()) == canonical(chord(sig.group(), add.s()))


def test_chunks_keep_the_ids_they_were_frozen_with(add: Any) -> None:
    sig = add.chunks([(1, 2), (3, 4)], 1)

    result = sig.freeze("id")

    assert result.id == "id"
    assert sig.freeze() == result
    assert sig.group().freeze() == result
    assert len({each.id for each in result}) == 2
