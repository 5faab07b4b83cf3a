"""The rpc backend's own promises, on a real RabbitMQ."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kernelq import KernelQ, uuid
from kernelq.amqp import Parcel
from kernelq.contracts import BackendUnavailable, DecodeError, ImproperlyConfigured, Message, Outcome
from kernelq_plugins.backend_rpc.backend import RpcBackend
from kernelq_plugins.backend_rpc.letter import read, write
from kernelq_plugins.backend_rpc.shelf import Shelf
from ports import free_port
from servers import RabbitServer

PATIENCE = 30.0


@pytest.fixture
def make(rabbit_server: RabbitServer) -> Iterator[Callable[[], RpcBackend]]:
    """Makes backends, each as another process would have it."""
    apps: list[KernelQ] = []

    def backend(**settings: Any) -> RpcBackend:
        app = KernelQ("rpc", broker=rabbit_server.url, backend="rpc://", set_as_current=False, **settings)
        apps.append(app)
        assert isinstance(app.backend, RpcBackend)
        return app.backend

    yield backend
    for app in apps:
        app.close()


def no_loads(content_type: str, body: bytes) -> Any:
    raise DecodeError(content_type)


def outcome(id: str = "a", state: str = "SUCCESS", **fields: Any) -> Outcome:
    return Outcome(**{"id": id, "state": state, **fields})


# --- letters


def test_a_letter_has_the_form_that_celery_reads() -> None:
    done = outcome(value=b'{"x": 1}', done_at=1_700_000_000.5, children=(["child", None],), parent_id="p", group_id="g")

    meta = json.loads(write(done))

    del meta["kernelq"]
    assert meta == {
        "task_id": "a",
        "status": "SUCCESS",
        "result": {"x": 1},
        "traceback": None,
        "children": [["child", None]],
        "date_done": "2023-11-14T22:13:20.500000+00:00",
        "parent_id": "p",
        "group_id": "g",
    }


@pytest.mark.parametrize("value", [None, b"null", b'{"x":[1]}', b'{"__type__":"tuple","__value__":[1,2]}'])
def test_a_letter_is_read_as_it_was_written(value: bytes | None) -> None:
    given = outcome(value=value, fence=7, reason="timed_out", retries=2, ttl=60.0, worker="w", extra={"queue": "q"})

    found = read(write(given), "application/json", no_loads)

    assert found == given or (value is None and found.value == b"null")


def test_a_value_that_is_no_json_travels_too() -> None:
    given = outcome(value=b"\x80\x04K\x01.", content_type="application/x-python-serialize")

    assert read(write(given), "application/json", no_loads) == given


def test_tuples_are_lists_for_celery() -> None:
    given = outcome(value=b'{"a":{"__type__":"tuple","__value__":[1,{"__type__":"set","__value__":[2]}]}}')

    assert json.loads(write(given))["result"] == {"a": [1, [2]]}


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b'{"task_id": 5}', b'{"task_id":"a","status":"SUCCESS","kernelq":"?"}']
)
def test_what_is_no_letter_cannot_be_read(body: bytes) -> None:
    with pytest.raises(DecodeError):
        read(body, "application/json", no_loads)


# --- the shelf


def test_the_shelf_forgets_what_has_outlived_its_time() -> None:
    shelf = Shelf(lasts=1e-6)
    for number in range(100):
        shelf.put(outcome(str(number)))

    assert shelf.get_many(str(number) for number in range(100)) == {}
    shelf.sweep()
    assert not shelf._kept


# --- travelling


def test_an_outcome_arrives_at_who_asked_and_nowhere_else(make: Callable[[], RpcBackend]) -> None:
    worker, asker, other = make(), make(), make()
    sent = outcome(value=b"3", fence=1)

    with asker.watch(["a"]) as watch, other.watch(["a"]) as elsewhere:
        worker.apply([Outcome(id="a", state="SUCCESS", value=b"3", fence=1, reply_to=asker.reply_to)])

        assert watch.changes(PATIENCE) == [sent]
        assert elsewhere.changes(0.2) == []
    assert asker.get_many(["a"]) == {"a": sent}


def test_an_older_attempt_that_comes_later_changes_nothing(make: Callable[[], RpcBackend]) -> None:
    worker, asker = make(), make()
    replies = [outcome(state="FAILURE", fence=2), outcome(state="STARTED", fence=1), outcome("end")]

    with asker.watch(["a", "end"]) as watch:
        worker.apply(
            [Outcome(id=each.id, state=each.state, fence=each.fence, reply_to=asker.reply_to) for each in replies]
        )
        seen: list[str] = []
        while "end" not in seen:
            seen += [change.id for change in watch.changes(PATIENCE)]

    assert asker.get_many(["a"])["a"].state == "FAILURE"


def test_an_outcome_that_nobody_asked_for_is_dropped(make: Callable[[], RpcBackend]) -> None:
    backend = make()

    backend.apply([outcome(), outcome("b", reply_to=f"gone-{uuid()}")])

    assert backend.get_many(["a", "b"]) == {}


def test_garbage_in_the_reply_queue_ends_nothing(
    make: Callable[[], RpcBackend], caplog: pytest.LogCaptureFixture
) -> None:
    worker, asker = make(), make()
    for body in (b"\xff", b"{}"):
        worker._amqp.publish([Parcel("", asker.reply_to, body, {"correlation_id": "x"})])

    with asker.watch(["a"]) as watch:
        worker.apply([outcome(reply_to=asker.reply_to)])
        assert watch.changes(PATIENCE) == [outcome(value=b"null")]

    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


def test_what_comes_while_the_connection_is_lost_arrives_afterwards(
    make: Callable[[], RpcBackend], rabbit_server: RabbitServer
) -> None:
    worker, asker = make(), make()
    with asker.watch(["a"]) as watch:
        assert watch.changes(0) == []
        rabbit_server.control("close_all_connections", "for the test")

        worker.apply([outcome(value=b"1", reply_to=asker.reply_to)])

        assert watch.changes(PATIENCE) == [outcome(value=b"1")]


def test_a_forked_child_has_an_address_of_its_own(make: Callable[[], RpcBackend]) -> None:
    backend = make()
    queue = multiprocessing.get_context("fork").SimpleQueue()
    mine = backend.reply_to

    child = multiprocessing.get_context("fork").Process(target=lambda: queue.put(backend.reply_to))
    child.start()
    child.join()

    assert queue.get() != mine == backend.reply_to


def test_messages_carry_the_address(make: Callable[[], RpcBackend]) -> None:
    app = make()._app

    message: Message = app.publisher.message(None, "t", (), {}, {})

    assert message.reply_to == app.backend.reply_to


def test_closing_takes_the_reply_queue_away(make: Callable[[], RpcBackend]) -> None:
    backend, other = make(), make()
    address = backend.reply_to

    backend.close()

    assert other._amqp.publish([Parcel("", address, b"", {})]) != []


def test_a_server_that_is_away_is_said() -> None:
    with KernelQ("rpc", broker=f"amqp://127.0.0.1:{free_port()}//", backend="rpc://", set_as_current=False) as app:
        with pytest.raises(BackendUnavailable, match="cannot reach RabbitMQ"):
            app.backend.get_many(["a"])
        with pytest.raises(BackendUnavailable, match="cannot reach RabbitMQ"):
            app.backend.apply([outcome(reply_to="somebody")])


def test_the_broker_must_be_an_amqp_one() -> None:
    app = KernelQ("rpc", broker="memory://", backend="rpc://", set_as_current=False)

    with pytest.raises(ImproperlyConfigured, match="must be an AMQP one, got 'memory://'"):
        _ = app.backend
