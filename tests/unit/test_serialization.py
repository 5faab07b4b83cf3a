"""Own serializers, by `kernelq.serialization` and by a plugin's hook, and what a worker accepts."""

from __future__ import annotations

import ast
import json
import pickle
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from kernelq import KernelQ, hookimpl
from kernelq.contracts import DecodeError, EncodeError, ImproperlyConfigured, Message, Serializer, Verdict
from kernelq.errors import ContentDisallowed, DriverNotFound
from kernelq.serialization import dumps, has_type, loads, register, register_type, unregister
from kernelq_plugins.serializers import tags


@pytest.fixture
def literal() -> Iterator[str]:
    """A serializer of Python literals, registered."""
    register("literal", repr, lambda data: ast.literal_eval(data.decode("latin-1")), "application/x-literal", "latin-1")
    yield "literal"
    try:
        unregister("literal")
    except DriverNotFound:
        pass  # the test did so


def sent(app: KernelQ, task: Any, *args: Any, **options: Any) -> Message:
    """The message of a call, as it would be published."""
    message: Message = app.publisher.message(task, task.name, args, {}, options)
    return message


# --- registered ones


def test_a_registered_serializer_carries_calls_and_results(app: KernelQ, lane_of: Any, literal: str) -> None:
    app.conf.update(task_serializer=literal, result_serializer=literal, accept_content=[literal])
    seen = []

    @app.task(name="proj.keep")
    def keep(value: Any) -> Any:
        seen.append(value)
        return {1: b"\xff"}

    result = keep.delay((1, "größe"))
    lane = lane_of(app)
    delivery = lane.take()
    lane.run(delivery)

    assert delivery.message.content_type == "application/x-literal"
    assert "größe".encode("latin-1") in delivery.message.body
    assert seen == [(1, "größe")]
    assert result.get(timeout=30) == {1: b"\xff"}


def test_a_call_may_name_it_and_a_worker_accept_it_by_content_type(app: KernelQ, lane_of: Any, literal: str) -> None:
    app.conf.accept_content = ["application/x-literal", "json"]
    task = app.task(name="proj.same")(lambda value: value)

    result = task.apply_async(({1, 2},), serializer=literal)
    lane_of(app).run()

    assert result.get(timeout=30) == {1, 2}


@pytest.mark.parametrize(("name", "encoding"), [("literal", "latin-1"), ("json", "utf-8"), ("msgpack", "binary")])
def test_a_message_says_how_its_text_is_encoded(app: KernelQ, literal: str, name: str, encoding: str) -> None:
    task = app.task(name="proj.note")(print)

    assert sent(app, task, 1, serializer=name).content_encoding == encoding


def test_it_may_take_the_place_of_an_installed_one_also_for_apps_that_have_used_that(app: KernelQ) -> None:
    task = app.task(name="proj.note")(print)
    assert sent(app, task, 1).body.startswith(b"[[1],")

    register("json", lambda value: json.dumps(value, indent=8), json.loads, "application/json")
    try:
        replaced = sent(app, task, 1)
        assert dumps({"a": 1}) == ("application/json", "utf-8", b'{\n        "a": 1\n}')
    finally:
        unregister("json")

    assert replaced.body.startswith(b"[\n        [")
    assert replaced.content_type == "application/json"
    assert sent(app, task, 1).body.startswith(b"[[1],")


def test_it_may_be_registered_again(literal: str) -> None:
    register(literal, lambda value: b"new", lambda data: data, "application/x-other", "binary")

    assert dumps(1, literal) == ("application/x-other", "binary", b"new")
    with pytest.raises(DriverNotFound):
        loads(b"1", "application/x-literal")


@pytest.mark.parametrize(
    ("content_type", "owner"), [("application/json", "json"), ("application/x-literal", "literal")]
)
def test_a_content_type_has_one_owner(literal: str, content_type: str, owner: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"{content_type!r} belongs to '{owner}'; give it one of its own"):
        register("other", repr, ast.literal_eval, content_type)


def test_one_that_was_taken_out_is_unknown(app: KernelQ, literal: str) -> None:
    task = app.task(name="proj.note")(print)
    sent(app, task, 1, serializer=literal)

    unregister("application/x-literal")

    with pytest.raises(DriverNotFound, match="no serializer driver for 'literal'"):
        sent(app, task, 1, serializer=literal)
    with pytest.raises(DriverNotFound, match=r"no serializer 'literal' was registered \(registered: none\)"):
        unregister(literal)


def test_what_its_functions_raise_names_it(app: KernelQ) -> None:
    register("odd", lambda value: value / 0, lambda data: data[99], "application/x-odd")
    register("wrong", lambda value: 7, lambda data: data, "application/x-wrong")  # type: ignore[arg-type, return-value]
    try:
        with pytest.raises(EncodeError, match="the serializer 'odd' cannot write this: ZeroDivisionError"):
            dumps(1, "odd")
        with pytest.raises(DecodeError, match="the serializer 'odd' cannot read this: IndexError"):
            loads(b"", "application/x-odd")
        with pytest.raises(EncodeError, match="'wrong' must return bytes or text, got 7.*of task 'proj.note'"):
            sent(app, app.task(name="proj.note")(print), 1, serializer="wrong")
    finally:
        unregister("odd")
        unregister("wrong")


# --- by a plugin's hook


class Reversed(Serializer):
    name: ClassVar[str] = "reversed"
    content_type: ClassVar[str] = "application/x-reversed"
    content_encoding: ClassVar[str] = "binary"

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value).encode()[::-1]

    def loads(self, data: bytes) -> Any:
        return json.loads(data[::-1])


class Brings:
    @hookimpl
    def make_serializer(self, name: str) -> Serializer | None:
        return Reversed() if name in (Reversed.name, Reversed.content_type) else None


def test_a_plugin_may_bring_one(app: KernelQ, lane_of: Any) -> None:
    app.register_plugin(Brings())
    app.conf.update(task_serializer="reversed", accept_content=["reversed"])
    task = app.task(name="proj.same")(lambda value: value)

    result = task.delay([1, 2])
    lane = lane_of(app)
    delivery = lane.take()
    lane.run(delivery)

    assert (
        delivery.message.body
        == b'[[[1, 2]], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'[::-1]
    )
    assert result.get(timeout=30) == [1, 2]


# --- what is accepted


@pytest.mark.parametrize("name", ["pickle", "yaml", "msgpack", "literal"])
def test_what_accept_content_does_not_name_is_refused(app: KernelQ, lane_of: Any, literal: str, name: str) -> None:
    seen: list[Any] = []
    task = app.task(name="proj.note")(seen.append)

    task.apply_async((1,), serializer=name)
    transition = lane_of(app).run()

    assert transition.verdict is Verdict.DEAD
    [effect] = transition.effects
    assert b"is not accepted here (accept_content: json)" in effect.op.value
    assert app.serializer(name).content_type.encode() in effect.op.value
    assert seen == []


def test_pickle_is_read_where_it_is_accepted_by_name(app: KernelQ, lane_of: Any) -> None:
    app.conf.accept_content = ["pickle", "json"]
    seen: list[Any] = []
    task = app.task(name="proj.note")(seen.append)

    task.apply_async((1 + 2j,), serializer="pickle")
    lane_of(app).run()

    assert seen == [1 + 2j]


# --- without an app


def test_values_are_written_and_read_without_an_app() -> None:
    content_type, content_encoding, data = dumps({"price": Decimal("1.50")})

    assert (content_type, content_encoding) == ("application/json", "utf-8")
    assert loads(data, content_type, content_encoding) == {"price": Decimal("1.50")}
    assert loads(data.decode(), "json") == {"price": Decimal("1.50")}
    assert loads(dumps([b"\xff"], "msgpack")[2], "application/x-msgpack") == [b"\xff"]


def test_pickle_is_not_read_unless_it_is_accepted() -> None:
    data = pickle.dumps([1])

    with pytest.raises(ContentDisallowed, match="'application/x-python-serialize' is not accepted here .*trusted"):
        loads(data, "application/x-python-serialize")
    with pytest.raises(ContentDisallowed, match=r"\(accept: json\)"):
        loads(data, "pickle", accept=["json"])
    assert loads(data, "pickle", accept=["pickle"]) == [1]
    assert loads(data, "pickle", accept=["application/x-python-serialize"]) == [1]


# --- types


def test_a_type_without_a_tag_travels_as_its_payload() -> None:
    class Name:
        def __init__(self, text: str) -> None:
            self.text = text

    assert not has_type(Name)
    register_type(Name, None, lambda name: name.text)
    try:
        assert has_type(Name)
        assert dumps([Name("Rex")])[2] == b'["Rex"]'
        assert loads(dumps([Name("Rex")], "msgpack")[2], "msgpack") == ["Rex"]
    finally:
        del tags._encoders[Name]


def test_a_tag_and_its_decoder_come_together() -> None:
    with pytest.raises(ImproperlyConfigured, match="a tag and a decode function come together"):
        register_type(KernelQ, "app", repr)
    with pytest.raises(ImproperlyConfigured, match="a tag and a decode function come together"):
        register_type(KernelQ, None, repr, lambda text: KernelQ())
