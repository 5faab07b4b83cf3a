"""Messages: their blob form, and what becomes of bytes that are none."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernelq.contracts import Admission, Message, Undecodable, pack, unpack

PLAIN = Message(id="i1", task="proj.add", body=b"[[],{},{}]")

instants = st.none() | st.floats(min_value=0, max_value=1e12, allow_nan=False)
messages = st.builds(
    Message,
    id=st.text(min_size=1),
    task=st.text(min_size=1),
    body=st.binary(),
    queue=st.text(),
    priority=st.integers(0, 9),
    eta=instants,
    expires=instants,
    retries=st.integers(0, 1000),
    timelimit=st.none() | st.tuples(instants, instants),
    ignore_result=st.none() | st.booleans(),
    stamped_headers=st.lists(st.text()).map(tuple),
    headers=st.dictionaries(st.text(), st.none() | st.integers(-(2**63), 2**63) | st.text() | st.binary()),
)


def as_map(message: Message) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.msgpack.decode(pack(message))
    return decoded


@settings(max_examples=50, deadline=None)
@given(messages)
def test_a_packed_message_comes_back_equal(message: Message) -> None:
    assert unpack(pack(message)) == message


def test_what_has_its_default_takes_no_room() -> None:
    assert as_map(PLAIN).keys() == {"id", "task", "body"}


def test_fields_of_a_newer_version_are_skipped() -> None:
    newer = msgspec.msgpack.encode({**as_map(PLAIN), "colour": "blue"})

    assert unpack(newer) == PLAIN


@settings(max_examples=50, deadline=None)
@given(st.binary())
def test_bytes_that_are_no_message_are_kept_with_the_reason(blob: bytes) -> None:
    assert unpack(blob) == Undecodable(blob, unpack(blob).reason)  # type: ignore[union-attr]  # no message is so short


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"", "not a message: Input data was truncated"),
        (b"\xa2\xff\xfe", "not a message: "),
        (msgspec.msgpack.encode({"id": "i1", "task": "t"}), "missing required field `body`"),
        (msgspec.msgpack.encode({**as_map(PLAIN), "retries": "many"}), r"Expected `int`, got `str` - at `$.retries`"),
        (b"\x81\xa7headers" + b"\x81\xa1a" * 100_000 + b"\xc0", "not a message: "),
        (msgspec.msgpack.encode({**as_map(PLAIN), "protocol": 3}), "expected task message protocol 2, got 3"),
    ],
    ids=["nothing", "no text", "a field missing", "a wrong type", "too deep", "another protocol"],
)
def test_a_damaged_message_says_what_is_wrong(blob: bytes, reason: str) -> None:
    found = unpack(blob)

    assert isinstance(found, Undecodable)
    assert found.raw == blob
    assert reason in found.reason


def test_each_retry_and_each_replacement_has_a_key_of_its_own() -> None:
    runs = [PLAIN, msgspec.structs.replace(PLAIN, retries=1), msgspec.structs.replace(PLAIN, replaced=1)]

    keys = [message.key for message in runs]

    assert keys[0] == "i1"
    assert len(set(keys)) == 3


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        PLAIN.queue = "other"  # type: ignore[misc]  # that is the point


def test_a_refusal_says_who_holds_the_place_or_what_to_raise() -> None:
    error = ValueError("twice")

    assert Admission.refuse("i0") == Admission(accepted=False, holder_id="i0", error=None)
    assert Admission.refuse(error=error).error is error
