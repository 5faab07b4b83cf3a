"""`Task.replace`: another task in the place of the one that runs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kernelq import Ignore, KernelQ, Task
from kernelq.contracts import PENDING, STARTED, SUCCESS
from kernelq.errors import ImproperlyConfigured
from kernelq.testing import start_worker


@pytest.fixture
def add(app: KernelQ) -> Task[..., Any]:
    return app.task(name="add")(lambda x, y: x + y)


@pytest.fixture
def swap(app: KernelQ, add: Any) -> Task[..., Any]:
    """Lets `add` run in its place."""

    @app.task(bind=True, name="swap")
    def swap(self: Any, x: int) -> Any:
        raise self.replace(add.s(x, x))

    return swap


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_who_waits_gets_what_the_replacement_returns(pool: str, app: KernelQ, swap: Any) -> None:
    with start_worker(app, pool=pool):
        assert swap.delay(4).get(timeout=10) == 8


def test_the_replacement_travels_with_the_end_of_the_run(swap: Any, lane: Any) -> None:
    result = swap.delay(4)

    transition = lane.run()

    (message,) = transition.successors
    assert (message.id, message.task, message.replaced, message.retries) == (result.id, "add", 1, 0)
    assert transition.effects == ()
    assert result.state == PENDING
    lane.run()
    assert (result.state, result.get(timeout=0)) == (SUCCESS, 8)


def test_the_replacement_takes_the_place_in_the_family(app: KernelQ, lane: Any) -> None:
    seen: list[Any] = []

    @app.task(bind=True, name="look")
    def look(self: Any) -> None:
        request = self.request
        seen.append((request.id, request.root_id, request.parent_id, request.group, request.group_index))
        seen.append((request.replaced_task_nesting, request.stamps, request.stamped_headers, request.reply_to))

    @app.task(bind=True, name="swap")
    def swap(self: Any) -> Any:
        assert self.request.replaced_task_nesting == 0
        return self.replace(look.s())

    swap.apply_async(
        task_id="id", root_id="root", parent_id="parent", group_id="group", group_index=0, stamps={"by": "me"},
        stamped_headers=["by"], reply_to="caller",
    )  # fmt: skip
    lane.run_all()

    assert seen[0] == ("id", "root", "parent", "group", 0)
    assert (seen[1][0], seen[1][1], list(seen[1][2]), seen[1][3]) == (1, {"by": "me"}, ["by"], "caller")


def test_links_and_the_rest_of_a_chain_are_handed_on(app: KernelQ, add: Any, swap: Any, lane: Any) -> None:
    swap.apply_async((1,), link=add.s(5), link_error=add.si(1, 2), chain=[add.s(7)])

    (message,) = lane.run().successors

    embed = json.loads(message.body)[2]
    assert [each["args"] for each in embed["callbacks"]] == [[5]]
    assert [each["args"] for each in embed["errbacks"]] == [[1, 2]]
    assert [each["args"] for each in embed["chain"]] == [[7]]


def test_the_callbacks_are_called_once_with_the_replacements_value(app: KernelQ, swap: Any, lane: Any) -> None:
    seen: list[Any] = []
    note = app.task(name="note")(seen.append)

    swap.apply_async((4,), link=note.s())
    lane.run_all()

    assert seen == [8]


def test_a_replacement_may_be_replaced(app: KernelQ, swap: Any, lane: Any) -> None:
    @app.task(bind=True, name="outer")
    def outer(self: Any) -> Any:
        return self.replace(swap.s(3))

    result = outer.delay()
    nesting = [message.replaced for transition in lane.run_all() for message in transition.successors]

    assert nesting == [1, 2]
    assert result.get(timeout=0) == 6


def test_the_signature_given_is_left_as_it_is(app: KernelQ, add: Any, lane: Any) -> None:
    constant = add.s(1, 1)

    @app.task(bind=True, name="swap")
    def swap(self: Any) -> Any:
        return self.replace(constant)

    swap.apply_async(link=add.s(1))
    lane.run()

    assert constant == add.s(1, 1)


def test_a_signature_that_has_an_id_gets_the_one_it_stands_for(app: KernelQ, add: Any, lane: Any) -> None:
    @app.task(bind=True, name="swap")
    def swap(self: Any) -> Any:
        return self.replace(add.s(1, 1).set(task_id="other"))

    result = swap.delay()
    lane.run_all()

    assert result.get(timeout=0) == 2


def test_a_member_of_a_chord_cannot_stand_in(app: KernelQ, add: Any, lane: Any) -> None:
    @app.task(bind=True, name="swap")
    def swap(self: Any) -> Any:
        return self.replace(add.s(1, 1).set(chord={"task": "body"}))

    result = swap.delay()
    lane.run_all()

    with pytest.raises(ImproperlyConfigured, match="belongs to a chord"):
        result.get(timeout=0)


def test_on_replace_may_change_the_replacement(app: KernelQ, add: Any, lane: Any) -> None:
    class Doubling(app.Task):  # type: ignore[name-defined,misc]  # a class that the app holds
        def on_replace(self, sig: Any) -> Any:
            sig.args = tuple(2 * each for each in sig.args)
            return super().on_replace(sig)

    @app.task(bind=True, name="swap", base=Doubling)
    def swap(self: Any) -> Any:
        return self.replace(add.s(1, 2))

    result = swap.delay()
    lane.run_all()

    assert result.get(timeout=0) == 6


def test_a_replaced_task_is_told_neither_success_nor_failure(app: KernelQ, add: Any, lane: Any) -> None:
    told: list[str] = []

    class Telling(app.Task):  # type: ignore[name-defined,misc]  # a class that the app holds
        def on_success(self, *_: Any) -> None:
            told.append("success")

        def on_failure(self, *_: Any) -> None:
            told.append("failure")

        def after_return(self, *_: Any) -> None:
            told.append("return")

    @app.task(bind=True, name="swap", base=Telling)
    def swap(self: Any) -> Any:
        return self.replace(add.s(1, 2))

    swap.delay()
    lane.run_all()

    assert told == []


def test_a_function_just_called_sends_its_replacement(app: KernelQ, swap: Any, lane: Any) -> None:
    with pytest.raises(Ignore, match="replaced by add"):
        swap(4)

    (transition,) = lane.run_all()
    assert transition.effects[0].op.value == b"8"


def test_a_replacement_writes_over_what_the_replaced_one_stored(app: KernelQ, add: Any, lane_of: Any) -> None:
    @app.task(bind=True, name="swap", track_started=True)
    def swap(self: Any) -> Any:
        return self.replace(add.s(1, 2))

    result = swap.delay()
    lane = lane_of(app)
    lane.run()
    assert result.state == STARTED
    lane.run()

    assert result.get(timeout=0) == 3


def test_a_task_replaced_after_retries_still_stores_its_value(app: KernelQ, add: Any, lane: Any) -> None:
    @app.task(bind=True, name="swap", default_retry_delay=0)
    def swap(self: Any) -> Any:
        if self.request.retries < 2:
            raise self.retry()
        return self.replace(add.s(1, 2))

    result = swap.delay()
    lane.run_all()

    assert result.get(timeout=0) == 3
