"""How large workflows are where they travel and where they are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import pytest
from kernelq import KernelQ, Task, chain, chord, group, hookimpl, uuid
from kernelq.contracts import Message, pack
from kernelq.testing import start_worker
from kernelq.workflows import WorkflowStore
from kernelq_plugins.canvas.store import store_of

PATIENCE = 60.0
"""Seconds a test waits for a result."""

KIB = 1024


class Scales:
    """Weighs every message that a worker receives, and every change that the store of workflows is asked for."""

    def __init__(self) -> None:
        self.messages: list[int] = []
        self.changes: list[int] = []

    @hookimpl
    def task_received(self, message: Message) -> None:
        self.messages.append(len(pack(message)))

    def watch(self, store: WorkflowStore) -> None:
        """See what the store is asked for from now on, alone or within a settlement."""
        apply, apply_within = store.apply, store.apply_within

        def applied(ops: Sequence[Any]) -> Any:
            self._weigh(ops)
            return apply(ops)

        def applied_within(handle: Any, ops: Sequence[Any]) -> Any:
            self._weigh(ops)
            return apply_within(handle, ops)

        store.apply, store.apply_within = applied, applied_within  # type: ignore[method-assign]

    def empty(self) -> None:
        self.messages.clear()
        self.changes.clear()

    @property
    def total(self) -> int:
        return sum(self.messages) + sum(self.changes)

    def _weigh(self, ops: Sequence[Any]) -> None:
        self.changes += [len(msgspec.msgpack.encode(op)) for op in ops]


class Works:
    """An app with a worker, its tasks, and scales for what they cause."""

    def __init__(self, app: KernelQ) -> None:
        self.app = app
        self.scales = Scales()
        self.plus: Task[..., Any] = app.task(name="sizes.plus")(lambda value, more=1: value + more)
        self.first: Task[..., Any] = app.task(name="sizes.first")(lambda values: values[0])
        app.register_plugin(self.scales)
        store = store_of(app)
        assert store is not None
        self.scales.watch(store)

    def header(self, size: int) -> Any:
        return group(self.plus.s() for _ in range(size))

    def chords(self, number: int, size: int) -> Any:
        """Chords one after the other, each called with the value of the one before."""
        return chain(*(chord(list(self.header(size).tasks), self.first.s()) for _ in range(number)))

    def run(self, canvas: Any, *args: Any) -> Any:
        """The value of a workflow that is alone on the scales."""
        self.scales.empty()
        return canvas.apply_async(args).get(timeout=PATIENCE)


@pytest.fixture(scope="module", params=["redis", "sqlite"])
def works(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    if request.param == "redis":
        url = f"{request.getfixturevalue('redis_server').url}?prefix={uuid()}"
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('sizes')}/queue.sqlite3"
    with KernelQ("sizes", broker=url, backend=url, set_as_current=False) as app:
        works = Works(app)
        with start_worker(app, pool="threads", concurrency=2):
            yield works


def test_twice_as_many_chords_weigh_twice_as_much(works: Works) -> None:
    totals = []
    for number in (5, 10, 20):
        assert works.run(works.chords(number, 10), 0) == number
        totals.append(works.scales.total)

    few, some, many = totals
    assert many - some < 2.2 * (some - few)
    assert many < 5 * few  # the first chords are lighter: what follows them still travels whole


WORKFLOWS: list[tuple[str, Callable[[Works], Any], Any, int]] = [
    ("five chords of ten", lambda w: w.chords(5, 10), 5, 64 * KIB),
    ("twenty chords of ten", lambda w: w.chords(20, 10), 20, 64 * KIB),
    ("nine chords of two", lambda w: w.chords(9, 2), 9, 16 * KIB),
    ("ten groups of twenty-five", lambda w: chain(*(step for _ in range(10) for step in (w.header(25), w.first.s()))), 10, 128 * KIB),
    ("a group after a group", lambda w: chain(w.header(25), group(w.first.s() for _ in range(25)), w.first.s()), 1, 64 * KIB),
    ("two thousand steps", lambda w: chain(*(w.plus.s() for _ in range(2000))), 2000, 64 * KIB),
    ("a chord in the header of a chord", lambda w: chord([w.chords(5, 10), w.plus.s()], w.first.s()), 5, 64 * KIB),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "value", "most"), [each[1:] for each in WORKFLOWS], ids=[each[0] for each in WORKFLOWS]
)
def test_no_message_of_a_workflow_is_long(works: Works, make: Callable[[Works], Any], value: Any, most: int) -> None:
    assert works.run(make(works), 0) == value

    assert max(works.scales.messages) < most


def test_twice_as_long_a_chain_weighs_twice_as_much(works: Works) -> None:
    totals = []
    for number in (250, 500, 1000):
        assert works.run(chain(*(works.plus.s() for _ in range(number))), 0) == number
        totals.append(works.scales.total)

    few, some, many = totals
    assert many - some < 2.2 * (some - few)


def test_members_of_a_group_hold_nothing_of_what_follows(works: Works) -> None:
    assert works.run(chord([works.plus.s()], chain(*(works.plus.si(0) for _ in range(20)))), 0) == 1
    alone = works.scales.messages[0]
    assert works.run(chord([works.plus.s()], works.plus.si(0)), 0) == 1

    assert works.scales.messages[0] == alone
