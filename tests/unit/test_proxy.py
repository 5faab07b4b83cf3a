"""The proxy of the testkit: each fault does what it says, to a little echo server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from kernelq.testing import Proxy
from kernelq_plugins.testkit.elsewhere import eventually, in_child

PATIENCE = 30.0


class EchoServer:
    """Sends back what it gets; `received` is all it got."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.received = bytearray()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        if self._listener.fileno() >= 0:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(4096):
                    self.received += data
                    connection.sendall(data)
            except OSError:
                return


@pytest.fixture
def server() -> Iterator[EchoServer]:
    with closing(EchoServer()) as server:
        yield server


@pytest.fixture
def proxy(server: EchoServer) -> Iterator[Proxy]:
    with Proxy("127.0.0.1", server.port) as proxy:
        yield proxy


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), PATIENCE)


def ask(client: socket.socket, request: bytes) -> bytes:
    """Send a request and read as many bytes."""
    client.sendall(request)
    return read(client, len(request))


def read(client: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size and (data := client.recv(size - len(found))):
        found += data
    return found


def is_served(proxy: Proxy) -> bool:
    """Whether a new connection gets an answer."""
    try:
        with connect(proxy) as client:
            return ask(client, b"anybody there") != b""
    except ConnectionError:
        return False


def test_bytes_pass_both_ways(proxy: Proxy) -> None:
    everything = bytes(range(256)) * 1000

    with connect(proxy) as client:
        threading.Thread(target=client.sendall, args=(everything,)).start()

        assert read(client, len(everything)) == everything


def test_connections_are_counted_while_they_are_open(proxy: Proxy) -> None:
    with connect(proxy) as one, connect(proxy) as other:
        assert ask(one, b"a") + ask(other, b"b") == b"ab"
        assert proxy.connections == 2

    assert eventually(lambda: proxy.connections == 0, PATIENCE)


def test_a_url_leads_to_the_proxy(proxy: Proxy, server: EchoServer) -> None:
    assert proxy.url(f"redis://:secret@127.0.0.1:{server.port}/0") == f"redis://:secret@127.0.0.1:{proxy.port}/0"

    with pytest.raises(ValueError, match="expected a URL of 127.0.0.1"):
        proxy.url("redis://elsewhere:1/0")


def test_a_delay_makes_chunks_late_and_keeps_their_order(proxy: Proxy) -> None:
    proxy.delay(0.1, jitter=0.05, direction="down")
    started = time.monotonic()

    with connect(proxy) as client:
        assert ask(client, b"first") + ask(client, b"second") == b"firstsecond"

    assert time.monotonic() - started >= 0.1


def test_slices_are_sent_one_by_one(proxy: Proxy) -> None:
    proxy.slice(1)

    with connect(proxy) as client:
        assert ask(client, b"in slices" * 100) == b"in slices" * 100


def test_a_limit_slows_the_stream_down(proxy: Proxy) -> None:
    proxy.limit(10_000, direction="up")
    started = time.monotonic()

    with connect(proxy) as client:
        assert ask(client, b"x" * 3000) == b"x" * 3000

    assert time.monotonic() - started >= 0.2


def test_a_hole_lets_nothing_pass_until_it_is_healed(proxy: Proxy, server: EchoServer) -> None:
    with connect(proxy) as client:
        ask(client, b"before")
        proxy.hole()
        with connect(proxy) as later:
            client.settimeout(0.1)
            with pytest.raises(TimeoutError):
                ask(client, b"inside")
            later.sendall(b"from a new one")
            assert server.received == b"before"

            proxy.heal()

            client.settimeout(PATIENCE)
            assert read(client, 6) == b"inside"
            assert read(later, 14) == b"from a new one"


def test_a_one_way_hole_lets_requests_through(proxy: Proxy, server: EchoServer) -> None:
    with connect(proxy) as client:
        ask(client, b"before")
        proxy.hole("down")
        client.sendall(b"inside")

        assert eventually(lambda: server.received == b"beforeinside", PATIENCE)
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_a_reset_is_seen_at_once_and_new_connections_work(proxy: Proxy) -> None:
    with connect(proxy) as client:
        ask(client, b"before")

        proxy.reset()

        assert proxy.connections == 0
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with connect(proxy) as client:
        assert ask(client, b"after") == b"after"


def test_a_refusing_proxy_resets_old_and_new_connections(proxy: Proxy) -> None:
    with connect(proxy) as old:
        ask(old, b"before")
        proxy.refuse()
        with pytest.raises(ConnectionResetError):
            old.recv(1)
    assert not is_served(proxy)

    proxy.heal()

    with connect(proxy) as client:
        assert ask(client, b"after") == b"after"


def test_a_cut_reply_was_asked_for_and_never_comes(proxy: Proxy, server: EchoServer) -> None:
    with connect(proxy) as client:
        proxy.cut_reply(after=b"COMMIT")
        assert ask(client, b"BEGIN") == b"BEGIN"
        assert proxy.is_armed

        client.sendall(b"COMMIT")

        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert server.received == b"BEGINCOMMIT"
    assert not proxy.is_armed


def test_a_request_may_be_told_by_a_predicate(proxy: Proxy) -> None:
    with connect(proxy) as client:
        proxy.cut_reply(after=lambda data: data.startswith(b"2"))
        assert ask(client, b"1") == b"1"

        with pytest.raises(ConnectionResetError):
            ask(client, b"2")


def test_a_reset_inside_a_reply_lets_its_beginning_pass(proxy: Proxy) -> None:
    proxy.reset_inside(3)

    with connect(proxy) as client:
        client.sendall(b"reply")

        assert read(client, 3) == b"rep"
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with connect(proxy) as client:
        assert ask(client, b"whole") == b"whole"


def test_a_server_that_is_gone_resets_its_clients(proxy: Proxy, server: EchoServer) -> None:
    server.close()

    assert not is_served(proxy)


def test_a_forked_child_reaches_the_server_and_holds_no_connection_open(proxy: Proxy) -> None:
    def ask_from_child() -> None:
        with connect(proxy) as client:
            assert ask(client, b"child") == b"child"

    with connect(proxy) as client:
        ask(client, b"parent")

        in_child(ask_from_child)

        assert ask(client, b"parent again") == b"parent again"


def test_a_proxy_that_was_never_entered_says_so(server: EchoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernelq_plugins.testkit.proxy._PATIENCE", 0.01)
    proxy = Proxy("127.0.0.1", server.port)

    with pytest.raises(TimeoutError, match="use it as a context manager"):
        proxy.reset()

    proxy._forget()
