"""The AMQP engine: addresses, errors, publishing with confirms, on a real RabbitMQ."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from queue import SimpleQueue
from typing import Any

import pytest
from kernelq import uuid
from kernelq.amqp import Different, NotThere, Parcel
from kernelq.contracts import BrokerFull, BrokerRefused, BrokerUnavailable, EncodeError, ImproperlyConfigured
from kernelq_plugins.engine_amqp.address import addresses
from kernelq_plugins.engine_amqp.border import translate
from kernelq_plugins.engine_amqp.engine import AmqpEngine
from kernelq_plugins.engine_amqp.properties import FIELDS, Properties
from kernelq_plugins.engine_amqp.received import read_properties
from kernelq_plugins.engine_amqp.stream import Stream
from pika import BasicProperties, exceptions, frame, spec
from ports import free_port
from servers import RabbitServer

PATIENCE = 30.0


@pytest.fixture
def engine(rabbit_server: RabbitServer) -> Iterator[AmqpEngine]:
    engine = AmqpEngine(rabbit_server.url)
    yield engine
    engine.close()


@pytest.fixture
def queue(engine: AmqpEngine) -> Iterator[str]:
    """A queue of the test's own."""
    name = f"engine-{uuid()}"
    engine.ask(lambda channel, done: channel.queue_declare(name, durable=True, callback=done))
    yield name
    engine.ask(lambda channel, done: channel.queue_delete(name, callback=done))


def count(engine: AmqpEngine, queue: str) -> int:
    frame = engine.ask(lambda channel, done: channel.queue_declare(queue, passive=True, callback=done))
    return int(frame.method.message_count)


def parcel(queue: str, body: bytes = b"x", **properties: Any) -> Parcel:
    return Parcel("", queue, body, properties)


class Heard(Stream):
    """A stream without a connection: what comes out of the bytes that were sent."""

    def __init__(self) -> None:
        self._arriving = {}
        self._frame_buffer, self.sent = b"", b""
        self.bytes_received = 0
        self._channels = {1: self, 2: self}
        self.deliveries: list[tuple[int, bool, str, bytes]] = []
        self.others: list[str] = []

    def send(self, sent: Any) -> None:
        self.sent += sent.marshal()

    def receive(self, size: int) -> None:
        for begin in range(0, len(self.sent), size):
            self._on_data_available(self.sent[begin : begin + size])

    def _on_deliver(self, method: Any, header: Any, body: bytes) -> None:
        found = method.method
        assert (found.consumer_tag, found.exchange, found.routing_key) == ("c", "ex", "key")
        self.deliveries.append((found.delivery_tag, found.redelivered, header.properties.message_id, body))

    def _process_frame(self, found: Any) -> None:
        self.others.append(found.method.NAME if hasattr(found, "method") else found.NAME)


# --- addresses


@pytest.mark.parametrize(
    ("url", "vhost"),
    [
        ("amqp://localhost", "/"),
        ("amqp://localhost/", "/"),
        ("amqp://localhost//", "/"),
        ("amqp://localhost/%2F", "/"),
        ("amqp://localhost/shop", "shop"),
        ("amqp://localhost/%2Fshop", "/shop"),
    ],
)
def test_a_url_names_its_virtual_host_as_celery_reads_it(url: str, vhost: str) -> None:
    assert addresses(url)[0].vhost == vhost


def test_a_url_without_anything_is_the_guest_on_this_machine() -> None:
    [address] = addresses("amqp://")

    assert (address.host, address.port, address.user, address.password) == ("localhost", 5672, "guest", "guest")


def test_parts_of_a_url_may_be_quoted() -> None:
    [address] = addresses("amqp://me:p%40ss@host:1234/v")

    assert (address.user, address.password, address.where) == ("me", "p@ss", "host:1234/v")


def test_the_nodes_of_a_cluster_are_joined_by_semicolons() -> None:
    assert [address.host for address in addresses("amqp://a//;amqp://b//")] == ["a", "b"]


@pytest.mark.parametrize("url", ["amqp://host:port/", "amqp://host/?heartbeat=3", "amqps://host/?cert=x"])
def test_a_url_that_cannot_be_meant_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        addresses(url.replace("://", "://me:secret@"))

    assert "secret" not in str(caught.value)


def test_an_engine_is_known_by_user_and_place_and_not_by_its_password() -> None:
    assert AmqpEngine.canonical("pyamqp://me:one@host//") == AmqpEngine.canonical("amqp://me:two@host:5672/%2F")


def test_tls_files_that_are_not_there_are_named() -> None:
    [address] = addresses("amqps://host//?cafile=/nowhere/ca.pem")

    with pytest.raises(ImproperlyConfigured, match="cannot use the TLS files given for host:5671/"):
        address.parameters(name="x", heartbeat=None, timeout=1.0)


# --- properties


def test_what_is_written_is_what_pika_reads() -> None:
    given = {
        "content_type": "a/b",
        "delivery_mode": 2,
        "priority": 7,
        "correlation_id": "ключ",
        "timestamp": 1_700_000_000,
        "headers": {
            "none": None,
            "truth": [True, False],
            "small": -1,
            "large": 2**40,
            "float": 0.5,
            "text": "größe",
            "bytes": b"\xff",
            "table": {"nested": [{"deep": 1.25}]},
        },
    }

    encoded = b"".join(Properties(given).encode())

    found = BasicProperties().decode(encoded)
    assert {name: getattr(found, name) for name in given} == given


def test_what_pika_writes_is_read() -> None:
    given = {
        "content_type": "a/b",
        "delivery_mode": 2,
        "priority": 7,
        "correlation_id": "ключ",
        "timestamp": 1_700_000_000,
        "headers": {
            "none": None,
            "truth": [True, False, None, "x", 5, 2**40, {"deep": 1}],
            "small": -1,
            "large": 2**40,
            "text": "größe",
            "bytes": b"\xff",
            "when": datetime(2026, 1, 1, tzinfo=UTC),
            "price": Decimal("1.25"),
            "table": {"nested": [{"deep": "a"}]},
        },
    }
    encoded = b"".join(BasicProperties(**given).encode())

    found = read_properties(b"before" + encoded, len(b"before"))

    theirs = BasicProperties().decode(encoded)
    assert found == {name: getattr(theirs, name) for name in FIELDS}


def test_floats_are_read_as_they_were_written() -> None:
    encoded = b"".join(Properties({"headers": {"limit": 2.5, "limits": [0.5, None]}}).encode())

    assert read_properties(encoded, 0)["headers"] == {"limit": 2.5, "limits": [0.5, None]}


def test_properties_that_cannot_be_read_have_no_headers() -> None:
    encoded = b"".join(Properties({"headers": {"id": "a"}}).encode())

    assert read_properties(encoded.replace(b"S", b"?"), 0)["headers"] == {}
    assert read_properties(encoded[:-1], 0)["headers"] in ({}, {"id": ""})


@pytest.mark.parametrize("size", [1, 7, 100, 100_000])
def test_deliveries_are_read_however_the_stream_is_cut(size: int) -> None:
    heard = Heard()
    body = bytes(range(256))
    for tag in range(1, 4):
        heard.send(frame.Method(1, spec.Basic.Deliver("c", tag, tag == 2, "ex", "key")))
        heard.send(frame.Heartbeat())  # of no channel, so it may come in between
        heard.send(frame.Header(1, len(body) * 2 if tag > 1 else 0, BasicProperties(message_id=str(tag))))
        if tag > 1:
            heard.send(frame.Body(1, body))
            heard.send(frame.Method(2, spec.Basic.QosOk()))
            heard.send(frame.Body(1, body))

    heard.receive(size)

    assert heard.deliveries == [(1, False, "1", b""), (2, True, "2", body * 2), (3, False, "3", body * 2)]
    assert heard.others == ["Heartbeat", "Heartbeat", "Basic.QosOk", "Heartbeat", "Basic.QosOk"]
    assert heard._frame_buffer == b""


def test_a_frame_that_does_not_end_where_it_says_ends_the_connection() -> None:
    heard = Heard()
    heard.sent = frame.Method(1, spec.Basic.Deliver("c", 1, False, "", "q")).marshal()[:-1] + b"x"

    with pytest.raises(exceptions.InvalidFrameError):
        heard.receive(1000)


def test_a_message_of_several_frames_arrives_whole(engine: AmqpEngine, queue: str) -> None:
    body = b"0123456789" * 50_000
    engine.publish([parcel(queue, body, message_id="large"), parcel(queue, b"", message_id="empty")])
    found: SimpleQueue[tuple[str, bytes]] = SimpleQueue()
    wire = engine.wire()

    def on_message(channel: Any, method: Any, properties: Any, body: bytes) -> None:
        found.put((properties.message_id, body))

    wire.ask(lambda channel, done: channel.basic_consume(queue, on_message, callback=done))

    assert [found.get(timeout=PATIENCE) for _ in range(2)] == [("large", body), ("empty", b"")]
    wire.close()


@pytest.mark.parametrize(
    ("properties", "path"),
    [
        ({"headers": {"a": {"b": object()}}}, "headers['a']['b']"),
        ({"headers": {"a": [1, 2**70]}}, "headers['a'][1]"),
        ({"reply_to": "x" * 256}, "reply_to"),
        ({"priority": 256}, "priority"),
    ],
)
def test_what_amqp_cannot_carry_is_named(properties: dict[str, Any], path: str) -> None:
    with pytest.raises(EncodeError) as caught:
        Properties(properties)

    assert caught.value.path == path


# --- errors


def test_no_error_of_pika_passes_the_border() -> None:
    family = [
        kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, exceptions.AMQPError)
    ]

    for kind in family:
        error = kind.__new__(kind)
        error.args = (320, "CONNECTION_FORCED")
        assert isinstance(translate(error, "host:5672/"), BrokerUnavailable | BrokerFull)


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (403, "ACCESS_REFUSED", BrokerRefused),
        (404, "NOT_FOUND", NotThere),
        (405, "RESOURCE_LOCKED", BrokerRefused),
        (406, "PRECONDITION_FAILED - inequivalent arg 'x'", Different),
        (506, "RESOURCE_ERROR", BrokerFull),
    ],
)
def test_what_the_server_says_decides_the_error(code: int, text: str, kind: type[Exception]) -> None:
    error = translate(exceptions.ChannelClosedByBroker(code, text), "host:5672/shop")

    assert type(error) is kind
    assert "host:5672/shop" in str(error)
    assert text in str(error)


def test_a_channel_closed_for_a_task_too_long_says_what_to_raise() -> None:
    text = "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms."

    error = translate(exceptions.ChannelClosedByBroker(406, text), "host:5672/")

    assert type(error) is BrokerUnavailable
    assert "raise it in rabbitmq.conf" in str(error)


def test_a_server_that_is_away_is_named(rabbit_server: RabbitServer) -> None:
    port = free_port()

    with pytest.raises(BrokerUnavailable, match=f"cannot reach RabbitMQ at 127.0.0.1:{port}/: .*refused"):
        AmqpEngine(f"amqp://127.0.0.1:{port}//").publish([parcel("q")])


def test_the_second_node_is_tried_when_the_first_is_away(rabbit_server: RabbitServer) -> None:
    engine = AmqpEngine(f"amqp://127.0.0.1:{free_port()}//;{rabbit_server.url}")

    assert engine.server()["product"] == "RabbitMQ"
    engine.close()


@pytest.mark.parametrize("part", ["guest:wrong@127.0.0.1:{}//", "guest:guest@127.0.0.1:{}/nowhere"])
def test_a_wrong_password_or_virtual_host_is_refused_at_once(rabbit_server: RabbitServer, part: str) -> None:
    engine = AmqpEngine("amqp://" + part.format(rabbit_server.port))

    with pytest.raises(BrokerRefused, match=f"127.0.0.1:{rabbit_server.port}/") as caught:
        engine.publish([parcel("q")])

    assert "wrong@" not in str(caught.value)


# --- publishing


def test_a_large_batch_is_confirmed(engine: AmqpEngine, queue: str) -> None:
    assert engine.publish([parcel(queue) for _ in range(2500)]) == []

    assert count(engine, queue) == 2500


def test_an_unroutable_parcel_comes_back_and_the_others_arrive(engine: AmqpEngine, queue: str) -> None:
    lost = parcel(f"no-{queue}", b"lost")

    assert engine.publish([parcel(queue), lost, parcel(queue)]) == [lost]

    assert count(engine, queue) == 2


def test_an_unroutable_parcel_that_need_not_arrive_is_dropped(engine: AmqpEngine, queue: str) -> None:
    assert engine.publish([parcel(f"no-{queue}")._replace(mandatory=False)]) == []


def test_a_batch_with_a_property_that_cannot_be_sent_is_not_sent_at_all(engine: AmqpEngine, queue: str) -> None:
    with pytest.raises(EncodeError):
        engine.publish([parcel(queue), parcel(queue, headers={"handle": object()})])

    assert count(engine, queue) == 0


def test_an_exchange_that_is_not_there_is_told_and_the_next_publish_works(engine: AmqpEngine, queue: str) -> None:
    with pytest.raises(NotThere, match="no exchange 'nowhere"):
        engine.publish([Parcel("nowhere", "key", b"", {})])

    engine.publish([parcel(queue)])
    assert count(engine, queue) == 1


def test_a_queue_that_refuses_is_full(engine: AmqpEngine) -> None:
    name = f"short-{uuid()}"
    arguments = {"x-max-length": 1, "x-overflow": "reject-publish", "x-expires": 60_000}
    engine.ask(lambda channel, done: channel.queue_declare(name, durable=True, arguments=arguments, callback=done))

    with pytest.raises(BrokerFull, match="refused 2 of 3 messages: its length limit"):
        engine.publish([parcel(name) for _ in range(3)])


def test_threads_share_the_connection(engine: AmqpEngine, queue: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(engine.publish, [parcel(queue)] * 50) for _ in range(8)]:
            assert done.result(PATIENCE) == []

    assert count(engine, queue) == 400


def test_a_connection_that_was_closed_meanwhile_is_made_anew(
    engine: AmqpEngine, queue: str, rabbit_server: RabbitServer
) -> None:
    engine.publish([parcel(queue)])
    link = engine._open_press().link

    rabbit_server.control("close_all_connections", "for the test")
    ended = threading.Event()
    while link.ended is None:
        assert not ended.wait(0.02)

    engine.publish([parcel(queue)])
    assert count(engine, queue) == 2


def test_a_frozen_server_is_given_up_after_the_timeout(rabbit_server: RabbitServer, queue: str) -> None:
    engine = AmqpEngine(rabbit_server.url)
    engine.connect_timeout = 2.0
    engine.publish([parcel(queue)])

    rabbit_server.freeze()
    try:
        with pytest.raises(BrokerUnavailable, match="confirmed nothing for 2 s; 1 messages may have arrived or not"):
            engine.publish([parcel(queue)])
        with pytest.raises(BrokerUnavailable, match=r"no answer within 2(\.0)? s|cannot reach"):
            engine.publish([parcel(queue)])
    finally:
        rabbit_server.thaw()
        engine.close()


def test_an_alarm_is_said_and_what_was_sent_into_it_is_not_sent_twice(
    rabbit_server: RabbitServer, engine: AmqpEngine, queue: str
) -> None:
    engine.connect_timeout = 2.0
    engine.publish([parcel(queue)])
    named = parcel(queue)._replace(ident="one")

    rabbit_server.control("set_vm_memory_high_watermark", "0.0001")
    try:
        for _ in range(3):
            with pytest.raises(BrokerFull, match="blocks publishers .*memory or disk alarm"):
                engine.publish([named])
        assert count(engine, queue) == 1
    finally:
        rabbit_server.control("set_vm_memory_high_watermark", "0.6")

    engine.connect_timeout = PATIENCE
    engine.publish([named])
    assert count(engine, queue) == 2
