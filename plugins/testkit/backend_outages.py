"""Behaviours r200–r219: the server of a result backend is away, slow, or comes and goes."""

from __future__ import annotations

import time

import pytest
from kernelq.contracts import Backend, BackendUnavailable, Outcome, Watch

from .behaviour import requires
from .elsewhere import PATIENCE, soon
from .fault_bench import BackendFaultBench, Server
from .proxy import Proxy
from .samples import outcome
from .undaunted import gives_up, persist

LARGE = b"0123456789abcdef" * 256


class BackendOutages(BackendFaultBench):
    """Outcomes are stored and told whatever the network does in between."""

    def test_r200_a_write_whose_reply_is_lost_may_be_repeated(
        self, backend: Backend, remote: Backend, proxy: Proxy
    ) -> None:
        remote.apply([outcome("before")])
        proxy.cut_reply(self.write_mark)

        persist(lambda: remote.apply([outcome("a", fence=1, value=b"1")]))

        assert not proxy.is_armed
        assert backend.get_many(["a"]) == {"a": outcome("a", fence=1, value=b"1")}

    def test_r201_a_reset_inside_a_large_reply_leaves_the_driver_in_step(
        self, backend: Backend, remote: Backend, proxy: Proxy
    ) -> None:
        stored = {str(i): outcome(str(i), value=LARGE + b"%d" % i) for i in range(30)}
        backend.apply(list(stored.values()))
        remote.get_many(["unknown"])
        proxy.reset_inside(10_000)

        assert persist(lambda: remote.get_many(stored)) == stored
        assert not proxy.is_armed
        assert remote.get_many(["7"]) == {"7": stored["7"]}

    def test_r202_a_server_that_went_silent_is_told_of_and_healing_is_enough(
        self, remote: Backend, proxy: Proxy
    ) -> None:
        remote.apply([outcome("a")])
        proxy.hole()

        gives_up(lambda: remote.apply([outcome("b")]), self.silence)

        proxy.heal()
        persist(lambda: remote.apply([outcome("b")]))
        assert remote.get_many(["a", "b"]) == {"a": outcome("a"), "b": outcome("b")}

    def test_r203_a_server_that_refuses_connections_is_told_of_at_once(self, remote: Backend, proxy: Proxy) -> None:
        remote.apply([outcome("a")])
        proxy.refuse()

        gives_up(lambda: remote.get_many(["a"]), self.silence)

        proxy.heal()
        assert persist(lambda: remote.get_many(["a"])) == {"a": outcome("a")}

    @pytest.mark.parametrize("weather", ["late", "in slices"])
    def test_r204_a_slow_network_changes_nothing_but_the_time(
        self, remote: Backend, proxy: Proxy, weather: str
    ) -> None:
        if weather == "late":
            proxy.delay(0.06, jitter=0.04)
        else:
            proxy.slice(1)
        stored = {str(i): outcome(str(i), value=b"%d" % i) for i in range(20)}

        remote.apply(list(stored.values()))

        assert remote.get_many(stored) == stored

    def test_r205_a_watch_outlives_its_connection_and_misses_nothing(
        self, backend: Backend, remote: Backend, proxy: Proxy
    ) -> None:
        with remote.watch(["a", "b"]) as watch:
            assert watch.changes(0) == []
            proxy.reset()

            backend.apply([outcome("a")])
            assert _next(watch) == [outcome("a")]

            backend.apply([outcome("b")])
            assert _next(watch) == [outcome("b")]

    def test_r206_a_waiting_watch_outlives_the_connection_that_would_wake_it(
        self, backend: Backend, remote: Backend, proxy: Proxy
    ) -> None:
        started = time.monotonic()

        def reset_and_store() -> None:
            proxy.reset()
            backend.apply([outcome("a")])

        with remote.watch(["a"]) as watch:
            assert watch.changes(0) == []
            with soon(reset_and_store):
                assert _next(watch) == [outcome("a")]

        assert time.monotonic() - started < PATIENCE / 2

    def test_r207_a_watch_outlives_a_silence(self, backend: Backend, remote: Backend, proxy: Proxy) -> None:
        with remote.watch(["a"]) as watch:
            assert watch.changes(0) == []
            proxy.hole()
            backend.apply([outcome("a")])
            started = time.monotonic()
            try:
                assert watch.changes(0.5) == []
            except BackendUnavailable:
                pass  # it may say so, or wait for better times
            assert time.monotonic() - started < self.silence

            proxy.heal()

            assert _next(watch) == [outcome("a")]

    @requires("durable")
    def test_r210_outcomes_and_watches_outlive_the_death_of_the_server(self, server: Server, remote: Backend) -> None:
        remote.apply([outcome("a")])
        with remote.watch(["b"]) as watch:
            assert watch.changes(0) == []
            time.sleep(self.takes_root)
            server.kill()
            try:
                gives_up(lambda: remote.get_many(["a"]), self.silence)
            finally:
                server.start()

            assert persist(lambda: remote.get_many(["a"])) == {"a": outcome("a")}
            persist(lambda: remote.apply([outcome("b")]))
            assert _next(watch) == [outcome("b")]


def _next(watch: Watch) -> list[Outcome]:
    """What it tells next; it may say first that it has lost its server."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := persist(lambda: watch.changes(PATIENCE / 3)):
            return found
    return []
