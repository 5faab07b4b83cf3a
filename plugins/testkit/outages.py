"""Behaviours b210–b229: the network or the server is away, slow, or comes and goes."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from typing import Literal, Self

import pytest
from kernelq.contracts import Broker, Delivery, Transition

from .behaviour import requires
from .broker_bench import ENOUGH, Consume
from .elsewhere import PATIENCE, SOON, eventually
from .fault_bench import BrokerFaultBench, Server, Undaunt
from .proxy import Proxy
from .revoking import marks
from .samples import ids, message, messages, stats
from .undaunted import Undaunted, gives_up, persist

FLAPS = 20
BRIEF = 0.2
"""Seconds a reset waits at most for a connection to be there."""
SHORT = 3.0
"""Seconds a lease lasts that a test may let end, and under which it settles: a busy machine stands still for a second."""


class Outages(BrokerFaultBench):
    """Who cannot be reached is said to be away soon, and everything goes on when it is back."""

    def test_b210_a_server_that_went_silent_is_told_of_and_healing_is_enough(
        self, remote: Broker, proxy: Proxy, undaunted: Undaunt
    ) -> None:
        self._lose_and_find_again("both", remote, proxy, undaunted())

    def test_b211_a_server_that_hears_but_is_not_heard_is_told_of(
        self, remote: Broker, proxy: Proxy, undaunted: Undaunt
    ) -> None:
        self._lose_and_find_again("down", remote, proxy, undaunted())

    def test_b212_a_fetch_from_a_server_that_went_silent_gives_up(
        self, remote: Broker, proxy: Proxy, undaunted: Undaunt
    ) -> None:
        consumer = undaunted(lease=SHORT)
        assert consumer.fetch(1, 0) == []
        proxy.hole()

        gives_up(lambda: consumer.fetch(1, 0.5), self.silence)

        proxy.heal()
        persist(lambda: remote.publish([message("a")]))
        assert set(consumer.drain("a")) == {"a"}

    def test_b213_a_server_that_refuses_connections_is_told_of_at_once(
        self, remote: Broker, proxy: Proxy, undaunted: Undaunt
    ) -> None:
        remote.publish([message("a")])
        proxy.refuse()

        gives_up(lambda: remote.publish([message("b")]), self.silence)

        proxy.heal()
        persist(lambda: remote.publish([message("c")]))
        assert {"a", "c"} <= set(undaunted().drain("ac"))

    @pytest.mark.parametrize("weather", ["late", "in slices"])
    def test_b214_a_slow_network_changes_nothing_but_the_time(
        self, remote: Broker, proxy: Proxy, undaunted: Undaunt, weather: str
    ) -> None:
        if weather == "late":
            proxy.delay(0.06, jitter=0.04)
        else:
            proxy.slice(1)
        everything = [str(i) for i in range(20)]

        remote.publish(messages(everything))

        drained = undaunted().drain(everything)
        if remote.capabilities.leases:  # others may lose their connection and with it their place
            assert drained == everything
        assert stats(remote).ready == 0

    def test_b215_a_waiting_fetch_outlives_the_connection_that_would_wake_it(
        self, broker: Broker, proxy: Proxy, undaunted: Undaunt
    ) -> None:
        consumer = undaunted()
        assert consumer.fetch(1, 0) == []
        started = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(_fetch_long, consumer)
            time.sleep(SOON)  # so that it waits by then; if it does not yet, the test proves less
            proxy.reset()

            broker.publish([message("a")])

            assert ids(waiting.result(PATIENCE)) == ["a"]
        assert time.monotonic() - started < PATIENCE / 2

    @requires("durable")
    def test_b220_what_was_confirmed_outlives_a_stop_of_the_server(
        self, server: Server, remote: Broker, undaunted: Undaunt
    ) -> None:
        self._restart(server, server.stop, remote, undaunted(lease=SHORT))

    @requires("durable")
    def test_b221_what_was_confirmed_outlives_the_death_of_the_server(
        self, server: Server, remote: Broker, undaunted: Undaunt
    ) -> None:
        def kill() -> None:
            time.sleep(self.takes_root)
            server.kill()

        self._restart(server, kill, remote, undaunted(lease=SHORT))

    @requires("durable", "revoking")
    def test_b222_a_mark_outlives_the_death_of_the_server(
        self, server: Server, remote: Broker, consume: Consume
    ) -> None:
        remote.publish(messages("ab"))
        remote.revoke(["a", "c"], ENOUGH)
        time.sleep(self.takes_root)
        server.kill()
        server.start()

        persist(lambda: remote.publish(messages("cd")))

        found: dict[str, bool] = {}
        consumer = consume()
        while len(found) < 4:
            deliveries = persist(lambda: consumer.fetch(4, PATIENCE))
            assert deliveries
            found |= marks(deliveries)
        assert found == {"a": True, "b": False, "c": True, "d": False}

    @requires("dedup")
    def test_b225_twenty_resets_while_publishing_double_nothing(
        self, remote: Broker, proxy: Proxy, consume: Consume
    ) -> None:
        numbers, everything = count(), list[str]()

        with _Flapping(proxy) as flapping:
            while flapping.goes_on:
                batch = [str(number) for number in islice(numbers, 5)]
                persist(lambda batch=batch: remote.publish(messages(batch)))  # type: ignore[misc]
                everything += batch

        consumer, found = consume(), list[str]()
        while deliveries := consumer.fetch(1000, 0):
            found += ids(deliveries)
        assert found == everything

    def test_b226_twenty_resets_while_draining_lose_nothing(
        self, broker: Broker, proxy: Proxy, undaunted: Undaunt
    ) -> None:
        everything = [str(i) for i in range(100)]
        broker.publish(messages(everything))
        consumer = undaunted(lease=SHORT)

        with _Flapping(proxy):
            acked = consumer.drain(everything)

        if broker.capabilities.leases:
            assert [id for id, times in Counter(acked).items() if times > 1] == []
        if broker.capabilities.inventory:
            consumer.close()
            assert (stats(broker).ready, stats(broker).running) == (0, 0)

    def _lose_and_find_again(
        self, direction: Literal["both", "down"], remote: Broker, proxy: Proxy, consumer: Undaunted
    ) -> None:
        remote.publish([message("a")])
        proxy.hole(direction)

        gives_up(lambda: remote.publish([message("b")]), self.silence)

        proxy.heal()
        persist(lambda: remote.publish([message("b")]))
        drained = consumer.drain("ab")
        assert set(drained) == {"a", "b"}
        if remote.capabilities.dedup:
            assert sorted(drained) == ["a", "b"]

    def _restart(self, server: Server, end: Callable[[], None], remote: Broker, consumer: Undaunted) -> None:
        remote.publish(messages("abc"))
        known = consumer.fetch_some(1)
        end()
        try:
            gives_up(lambda: remote.publish([message("lost")]), self.silence)
            gives_up(lambda: consumer.fetch(1, 0.5), self.silence)
        finally:
            server.start()

        persist(lambda: remote.publish([message("d")]))
        kept = persist(lambda: consumer.held(known))
        persist(lambda: consumer.settle([Transition(delivery=delivery) for delivery in kept]))
        consumer.drain({"a", "b", "c", "d"} - set(ids(kept)))


def _fetch_long(consumer: Undaunted) -> list[Delivery]:
    """Wait as a lane does: for as long as it takes, again after each loss."""
    return persist(lambda: consumer.fetch(1, PATIENCE)) or persist(lambda: consumer.fetch(1, PATIENCE))


class _Flapping:
    """Resets all connections `FLAPS` times, each as soon as there is one again; the block ends no sooner."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    @property
    def goes_on(self) -> bool:
        """Whether there are resets to come."""
        return self._thread.is_alive()

    def __exit__(self, *error: object) -> None:
        self._thread.join()

    def _run(self) -> None:
        for _ in range(FLAPS):
            eventually(lambda: self._proxy.connections > 0, within=BRIEF)
            self._proxy.reset()
