"""The request: what a running task knows of its own run."""

from __future__ import annotations

from typing import Any

import pytest
from kernelq import Context
from kernelq.contracts import Delivery, Message, running

MESSAGE = Message(
    id="i1",
    task="proj.add",
    body=b"",
    queue="mail",
    priority=3,
    retries=2,
    timelimit=(10.0, 5.0),
    headers={"trace": "t"},
    replaced=1,
)


def test_a_request_knows_its_message_its_arguments_and_its_delivery() -> None:
    delivery = Delivery(message=MESSAGE, queue="mail", fence=2)

    request = Context(MESSAGE, [1], {"y": 2}, {"chain": ["next"]}, delivery=delivery, hostname="w1@here")

    assert (request.id, request.task, request.retries, request.args, request.kwargs) == (
        "i1",
        "proj.add",
        2,
        [1],
        {"y": 2},
    )
    assert (request.timelimit, request.time_limit, request.soft_time_limit) == ([10.0, 5.0], 10.0, 5.0)
    assert (request.correlation_id, request.replaced_task_nesting, request.hostname) == ("i1", 1, "w1@here")
    assert (request.headers, request.chain, request.callbacks) == ({"trace": "t"}, ["next"], None)
    assert request.delivery_info == {
        "exchange": "",
        "routing_key": "mail",
        "queue": "mail",
        "priority": 3,
        "redelivered": True,
    }
    assert request.called_directly is False
    assert repr(request) == "<Context: proj.add[i1] args=[1] kwargs={'y': 2}>"


@pytest.mark.parametrize("name", ["id", "task", "eta", "expires", "delivery_info", "timelimit", "correlation_id"])
def test_outside_a_worker_a_request_knows_nothing_of_a_message(name: str) -> None:
    assert getattr(Context(called_directly=True), name) is None


def test_outside_a_worker_there_were_no_retries() -> None:
    assert Context(called_directly=True).retries == 0


def test_a_message_without_limits_has_none() -> None:
    request = Context(Message(id="i1", task="t", body=b""))

    assert (request.timelimit, request.time_limit, request.soft_time_limit) == ([None, None], None, None)


def test_what_a_request_does_not_have_is_an_attribute_error_and_get_gives_the_default() -> None:
    request = Context(MESSAGE)

    with pytest.raises(AttributeError, match="a task's request has no 'colour'"):
        request.colour  # noqa: B018
    assert request.get("colour", "blue") == "blue"
    assert request.get("id") == "i1"


def test_a_task_reads_its_own_request_while_it_runs(app: Any, lane: Any) -> None:
    seen: list[Any] = []

    @app.task(bind=True, name="outer")
    def outer(self: Any, x: int) -> None:
        seen.append((self.request.id, self.request.args, running().id))  # type: ignore[union-attr]  # it runs
        inner(x)

    @app.task(bind=True, name="inner")
    def inner(self: Any, x: int) -> None:
        seen.append((self.request.called_directly, self.request.args, outer.request.id))

    outer.apply_async((7,), task_id="i1")
    lane.run()

    assert seen == [("i1", [7], "i1"), (True, (7,), "i1")]
    assert running() is None
    assert outer.request.called_directly is True
