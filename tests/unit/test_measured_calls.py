"""Calls that users of Celery make, right and wrong, with what Celery 5.7 was seen to make of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kernelq import AsyncResult, KernelQ
from kernelq.exceptions import EncodeError, NotRegistered, TimeoutError
from kernelq.protocol import headers_of


@pytest.fixture
def app() -> Iterator[KernelQ]:
    with KernelQ("proj", broker="memory://", backend="memory://", set_as_current=False) as app:
        yield app


@pytest.fixture
def add(app: KernelQ) -> Any:
    @app.task(name="proj.add")
    def add(x: int, y: int) -> int:
        return x + y

    return add


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda app, add: add.apply_async(10), TypeError),
        (lambda app, add: add.delay(), TypeError),
        (lambda app, add: add.delay(1, 2, 3), TypeError),
        (lambda app, add: add.apply_async((1, 2), ["x"]), TypeError),
        (lambda app, add: add.delay(1, object()), EncodeError),
        (lambda app, add: AsyncResult(None), ValueError),  # type: ignore[arg-type]
        (lambda app, add: app.AsyncResult("zzz").get(timeout=0.01), TimeoutError),
        (lambda app, add: app.tasks["nope"], NotRegistered),
    ],
    ids=["args no tuple", "none", "too many", "kwargs no mapping", "no json", "no id", "too late", "unknown"],
)
def test_a_wrong_call_raises(
    app: KernelQ, add: Any, call: Callable[[KernelQ, Any], Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        call(app, add)


def test_an_argument_that_is_missing_is_named(add: Any) -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'y'"):
        add.delay(1)


def test_an_unknown_id_is_pending_and_does_not_exist(app: KernelQ) -> None:
    result = app.AsyncResult("zzz")

    assert (result.state, result.exists()) == ("PENDING", False)


def test_immutable_given_to_s_is_an_argument_of_the_task(add: Any) -> None:
    signature = add.s(1, immutable=True)

    assert (signature.kwargs, signature.immutable) == ({"immutable": True}, False)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"timelimit": [None, None], "retries": 0, "shadow": None, "eta": None, "expires": None, "group": None}),
        ({"time_limit": 30, "soft_time_limit": 20}, {"timelimit": [30, 20]}),
        ({"shadow": "sum"}, {"shadow": "sum"}),
    ],
    ids=["plain", "limits", "shadow"],
)
def test_the_headers_of_a_message(app: KernelQ, add: Any, given: dict[str, Any], expected: dict[str, Any]) -> None:
    message = app.publisher.message(add, add.name, (2, 2), {}, given)

    headers, properties = headers_of(message)

    assert {name: headers[name] for name in expected} == expected
    assert (headers["lang"], headers["task"], headers["id"], headers["root_id"]) == (
        "py",
        "proj.add",
        message.id,
        message.id,
    )
    assert properties["correlation_id"] == message.id


def test_the_body_of_a_message(app: KernelQ, add: Any) -> None:
    message = app.publisher.message(add, add.name, (2, 2), {}, {})

    assert json.loads(message.body) == [[2, 2], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]


def test_names_of_tasks_and_apps_as_they_are_shown(app: KernelQ, add: Any) -> None:
    assert repr(app).startswith("<KernelQ proj at 0x")
    assert repr(add) == "<@task: proj.add of proj>"
    assert repr(app.AsyncResult("ID")) == "<AsyncResult: ID>"
