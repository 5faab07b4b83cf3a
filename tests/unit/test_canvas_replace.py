"""What takes a running task's place when it is replaced by a canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kernelq import Context, Ignore, KernelQ, chain, chord, group, signature
from kernelq.errors import ImproperlyConfigured
from shapes import shape


def a(*args: Any) -> Any:
    return signature("a", args)


def b(*args: Any) -> Any:
    return signature("b", args)


@pytest.fixture
def stand_in(app: KernelQ, lane: Any) -> Callable[..., Any]:
    """What a running task's `on_replace` is given."""

    wanted: list[Any] = []
    given: list[Any] = []

    def on_replace(self: Any, sig: Any) -> Any:
        given.append(sig)
        raise Ignore()

    @app.task(bind=True, name="swap", on_replace=on_replace)
    def swap(self: Any) -> Any:
        return self.replace(wanted[-1])

    def run(sig: Any, **options: Any) -> Any:
        wanted.append(sig)
        swap.apply_async(**{"task_id": "id", **options})
        lane.run()
        return given[-1]

    return run


@pytest.mark.parametrize(
    ("sig", "text"),
    [
        (a(), "a"),
        (a() | b(), "chain(a, b)"),
        (group(a(), b()), "chord([a, b], accumulate)"),
        (a() | group(a(), b()), "chain(a, chord([a, b], accumulate))"),
        (chord([a()], b()), "chord([a], b)"),
        (chord([a()], group(a(), b())), "chord([a], chord([a, b], accumulate))"),
        (group(a() | group(b(), b())), "chord([chain(a, chord([b, b], accumulate))], accumulate)"),
    ],
)
def test_it_has_one_value_and_the_id_of_the_task(stand_in: Any, sig: Any, text: str) -> None:
    given = stand_in(sig)

    assert shape(given) == text
    last = given
    while last.subtask_type:
        last = last.body if last.subtask_type == "chord" else last.tasks[-1]
    assert last.id == "id"
    assert last.options["replaced"] == 1


def test_a_chain_hands_on_links_and_the_place_to_its_last_task(stand_in: Any) -> None:
    given = stand_in(
        a() | b(), link=a(1), link_error=a(2), group_id="gid", group_index=3, chord="join/3", root_id="root"
    )

    first, last = given.tasks
    assert first.options == {"root_id": "root", "link_error": [a(2)], "replaced": 1}
    about = {name: last.options[name] for name in ("task_id", "group_id", "group_index")}
    assert about == {"task_id": "id", "group_id": "gid", "group_index": 3}
    assert (last.options["link"], last.options["link_error"]) == ([a(1)], [a(2)])


@pytest.mark.parametrize("sig", [chain(), chain([group()]), a().set(chord="join/1")])
def test_what_has_no_value_or_place_is_refused(app: KernelQ, sig: Any) -> None:
    task = app.task(bind=True, name="swap")(lambda self: self.replace(sig))

    with pytest.raises(ImproperlyConfigured):
        task.apply(throw=True)


def test_only_a_task_in_a_header_can_add_to_it(app: KernelQ) -> None:
    task: Any = app.task(name="alone")(lambda: None)

    assert isinstance(task.request, Context)
    with pytest.raises(ValueError, match="not in the header of a chord"):
        task.add_to_chord(a())
