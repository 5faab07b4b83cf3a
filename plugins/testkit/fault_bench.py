"""The benches of the fault suites: a server that can be disturbed, and drivers that reach it through a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import ClassVar, Protocol

import pytest
from kernelq import KernelQ
from kernelq.contracts import Backend, Broker

from .backend_bench import BackendBench
from .broker_bench import ENOUGH, BrokerBench
from .proxy import Proxy
from .undaunted import UNAVAILABLE, Undaunted


class Server(Protocol):
    """An engine's server on 127.0.0.1, as the fault suites disturb it. After `start` it has what was confirmed before."""

    port: int

    def start(self) -> object:
        """Start it on the same port with the same data; returns once it answers."""

    def stop(self) -> None:
        """Let it end by itself."""

    def kill(self) -> None:
        """End it by SIGKILL."""


class Undaunt(Protocol):
    """Makes consumers, reached through the proxy, that do as a worker's lane; closed when the test ends."""

    def __call__(self, *, lease: float = ENOUGH) -> Undaunted:
        """One for the sample queue."""


class FaultBench:
    """What a subclass says about its server, and the fixtures both fault suites share.

    A subclass of an engine that has a server overrides the fixture `server` and the method `url_on`. One that has none
    says `url` or `make_url`, and all that needs a server is skipped.
    """

    silence: ClassVar[float] = 15.0
    """Seconds within which a call must give up on a server that has gone silent, with `connection_timeout`."""
    connection_timeout: ClassVar[float] = 3.0
    """Seconds: the setting ``broker_connection_timeout`` of the apps that go through the proxy."""

    takes_root: ClassVar[float] = 0.0
    """Seconds a server needs until what was just made there (a queue, a table) outlives its SIGKILL."""

    def url_on(self, server: Server, folder: Path) -> str:
        """The URL of an empty place on this server; its ``host:port`` must be ``127.0.0.1:<server.port>``."""
        raise NotImplementedError(f"{type(self).__name__} has a server but does not say `url_on`")

    def make_url(self, folder: Path) -> str:
        """As of the other suites, for an engine without a server."""
        raise NotImplementedError(f"{type(self).__name__} says neither `server` nor `make_url`")

    def make_app(self, url: str) -> KernelQ:
        """The app whose drivers are tested, with the server's own URL or the proxy's."""
        return KernelQ("conformance", broker=url, backend=url, set_as_current=False)

    @pytest.fixture
    def server(self) -> Server | None:
        """The server the engine is on; None: it has none."""
        return None

    @pytest.fixture
    def place(self, server: Server | None, tmp_path: Path) -> str:
        """The URL of the empty engine."""
        return self.make_url(tmp_path) if server is None else self.url_on(server, tmp_path)

    @pytest.fixture
    def app(self, place: str) -> Iterator[KernelQ]:
        with self.make_app(place) as app:
            yield app

    @pytest.fixture
    def proxy(self, server: Server | None) -> Iterator[Proxy]:
        """The network between the `remote` drivers and the server."""
        if server is None:
            pytest.skip("the engine has no server")
        with Proxy("127.0.0.1", server.port) as proxy:
            yield proxy

    @pytest.fixture
    def far(self, proxy: Proxy, place: str) -> Iterator[KernelQ]:
        """The app that reaches the engine through the proxy."""
        with self.make_app(proxy.url(place)) as app:
            app.conf.broker_connection_timeout = self.connection_timeout
            yield app
            proxy.heal()


class BrokerFaultBench(FaultBench, BrokerBench):
    """A broker reached twice: directly (`broker`, `consume`), and through the proxy (`remote`, `undaunted`)."""

    publish_mark: ClassVar[bytes] = b""
    """Bytes of the request that makes a publish final (``COMMIT``); none: of any request."""
    fetch_mark: ClassVar[bytes] = b""
    """Bytes of the request that takes messages."""
    settle_mark: ClassVar[bytes] = b""
    """Bytes of the request that makes a settlement final."""

    @pytest.fixture
    def remote(self, far: KernelQ) -> Broker:
        """The broker as it is reached through the proxy."""
        return far.broker

    @pytest.fixture
    def undaunted(self, remote: Broker, proxy: Proxy) -> Iterator[Undaunt]:
        made: list[Undaunted] = []
        numbers = count(1)

        def make(*, lease: float = ENOUGH) -> Undaunted:
            made.append(Undaunted(remote, f"undaunted-{next(numbers)}", lease))
            return made[-1]

        yield make
        proxy.heal()
        for each in made:
            _close(each)


class BackendFaultBench(FaultBench, BackendBench):
    """A backend reached twice: directly (`backend`), and through the proxy (`remote`)."""

    write_mark: ClassVar[bytes] = b""
    """Bytes of the request that makes a write final (``COMMIT``); none: of any request."""

    @pytest.fixture
    def remote(self, far: KernelQ) -> Backend:
        """The backend as it is reached through the proxy."""
        return far.backend


def _close(consumer: Undaunted) -> None:
    try:
        consumer.close()
    except UNAVAILABLE:
        pass  # its connection did not survive the test, which has said all it had to say
