"""Task message protocol version 2: a message as headers and properties, and back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from kernelq.contracts import Message
from kernelq.protocol import apply_headers, headers_of

FULL = Message(
    id="i1",
    task="proj.add",
    body=b"[]",
    eta=1893456000.5,
    expires=1893456060.0,
    retries=2,
    replaced=1,
    priority=7,
    root_id="r",
    parent_id="p",
    group="g",
    group_index=3,
    timelimit=(10.0, None),
    ignore_result=True,
    shadow="s",
    reply_to="me",
    stamps={"user": "u"},
    stamped_headers=("user",),
    headers={"trace": "t"},
    properties={"delivery_mode": 1},
)
PLAIN = Message(id="i1", task="proj.add", body=b"[]")


def test_headers_are_those_the_protocol_documents() -> None:
    headers, properties = headers_of(FULL)

    assert headers["eta"] == "2030-01-01T00:00:00.500000+00:00"
    assert (headers["lang"], headers["timelimit"], headers["replaced_task_nesting"]) == ("py", [10.0, None], 1)
    assert (headers["trace"], headers["stamped_headers"], headers["stamps"]) == ("t", ["user"], {"user": "u"})
    assert properties == {"correlation_id": "i1", "reply_to": "me", "priority": 7, "delivery_mode": 1}


def test_what_a_message_does_not_say_is_none() -> None:
    headers, properties = headers_of(PLAIN)

    assert (headers["eta"], headers["expires"], headers["timelimit"]) == (None, None, [None, None])
    assert (headers["stamped_headers"], headers["group"], properties["reply_to"]) == (None, None, None)


@pytest.mark.parametrize("message", [FULL, PLAIN], ids=["full", "plain"])
def test_a_message_survives_its_headers(message: Message) -> None:
    assert apply_headers(message, *headers_of(message)) == message


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"colour": "blue"}, {"headers": {"colour": "blue"}}),
        ({"shadow": "s"}, {"shadow": "s"}),
        ({"eta": "2030-01-01T00:00:00"}, {"eta": 1893456000.0}),
        ({"timelimit": [5, 3]}, {"timelimit": (5, 3)}),
    ],
)
def test_changes_of_headers_become_changes_of_the_message(changes: dict[str, Any], fields: dict[str, Any]) -> None:
    headers, properties = headers_of(PLAIN)

    assert apply_headers(PLAIN, {**headers, **changes}, properties) == msgspec.structs.replace(PLAIN, **fields)
