"""Messages with bodies that nobody can read, or should: kept as dead letters, and the worker goes on."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import random

import pytest
from faults.engines import ALL, on
from kernelq import uuid
from kernelq.contracts import Message

pytestmark = pytest.mark.faults


class Deed:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.close, (os.open(self.path, os.O_CREAT),)


BODIES = {
    "empty": b"",
    "not JSON": b"{",
    "invalid UTF-8": b'["\xff\xfe"]',
    "truncated": b'[[1, 2], {"a": ',
    "random": random.Random(0).randbytes(1000),
    "a list of one": b"[[]]",
    "a mapping": b'{"args": []}',
    "arguments that are no list": b"[1, {}, null]",
    "nested too deep": b"[" * 100_000,
    "a huge number": b"[[" + b"9" * 10_000 + b"], {}, null]",
    "not a number": b"[[NaN], {}, null]",
}
"""What came in place of ``[args, kwargs, embed]``, by what is wrong with it."""


@on(ALL)
def test_a_body_that_cannot_be_read_is_kept_as_it_came_with_the_reason(yard):
    """D1, D2, D3; among them one too large, one compressed without saying so, and one of a type nobody asked for."""
    bad = [Message(id=uuid(), task="faulty.square", body=body) for body in BODIES.values()]
    bad.append(Message(id=uuid(), task="faulty.square", body=b" " * 100_000))
    bad.append(Message(id=uuid(), task="faulty.square", body=gzip.compress(b"[[1], {}, null]")))
    bad.append(Message(id=uuid(), task="faulty.square", body=b"[[1], {}, null]", content_type="application/x-other"))
    yard.app.broker.publish(bad)
    good = [yard.call("square", n) for n in range(3)]

    worker = yard.start(concurrency=1, task_max_size=90_000)

    outcomes = yard.until_ready([yard.app.AsyncResult(message.id) for message in bad])
    assert [(outcome.state, outcome.reason) for outcome in outcomes] == [("FAILURE", "undecodable")] * len(bad)
    assert [result.get(timeout=60) for result in good] == [0, 1, 4]
    yard.until_empty()
    letters = {letter.message.id: letter for letter in yard.app.broker.dead()}
    assert letters.keys() == {message.id for message in bad}
    for message in bad:
        assert letters[message.id].message.body == message.body
        assert letters[message.id].reason.startswith("undecodable")
    assert not worker.has_ended


def test_a_pickle_is_refused_and_never_opened(yard):
    """D9."""
    path = yard.folder / "opened"
    body = pickle.dumps([[Deed(str(path))], {}, None])
    path.unlink(missing_ok=True)
    message = Message(id=uuid(), task="faulty.square", body=body, content_type="application/x-python-serialize")
    yard.app.broker.publish([message])

    yard.start()

    (outcome,) = yard.until_ready([yard.app.AsyncResult(message.id)])
    assert (outcome.state, outcome.reason) == ("FAILURE", "undecodable")
    assert "is not accepted here" in json.dumps(yard.app.serializer("json").loads(outcome.value))
    assert not path.exists()


@on(ALL)
def test_a_large_message_and_a_large_result_arrive(yard):
    """D4, D5: five megabytes each way, which is within the default limits."""
    text = "x" * 5_000_000
    yard.start(concurrency=1)

    assert yard.call("echo", text).get(timeout=60) == text
    yard.until_empty()


def test_a_result_over_the_limit_fails_its_task_and_says_how_large_it_is(yard):
    """D5."""
    worker = yard.start(concurrency=1, result_max_size=1000)

    result = yard.call("echo", "x" * 2000)
    result.get(timeout=60, propagate=False)

    assert (result.state, result.reason) == ("FAILURE", "unserialisable")
    assert "2,002 bytes, more than the setting result_max_size (1,000)" in worker.log
    assert yard.call("square", 3).get(timeout=60) == 9
