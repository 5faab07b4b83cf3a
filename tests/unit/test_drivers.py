"""Drivers: found by name or scheme, loaded on first use, and what is said when there is none."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import pytest
import stevedore
from kernelq import KernelQ, drivers, hookimpl
from kernelq.errors import DriverNotFound, PluginConflict
from stevedore.exception import MultipleMatches


@pytest.mark.parametrize("kind", ["broker", "backend"])
def test_an_unknown_scheme_lists_what_is_installed_and_says_what_to_do(kind: str) -> None:
    app = KernelQ("proj", broker="kafka://host", backend="kafka://host", set_as_current=False)

    with pytest.raises(
        DriverNotFound,
        match=rf"no {kind} driver for 'kafka' \(installed: .*memory, .*sqlite.*\); "
        r"try: pip install kernelq-kafka, or give a module that brings one by --plugin",
    ):
        getattr(app, kind)


@pytest.mark.parametrize("url", ["localhost", "redis:host", "://host"])
def test_what_is_no_url_is_named_with_an_example(url: str) -> None:
    app = KernelQ("proj", broker=url, set_as_current=False)

    with pytest.raises(DriverNotFound, match=rf"expected a broker URL such as 'sqlite:///.*', got '{url}'"):
        app.broker  # noqa: B018


@pytest.mark.parametrize("url", ["://u:hunter2@host", "u:hunter2@host"])
def test_a_password_in_a_wrong_url_is_masked(url: str) -> None:
    app = KernelQ("proj", broker=url, set_as_current=False)

    with pytest.raises(DriverNotFound) as caught:
        app.broker  # noqa: B018

    assert "hunter2" not in str(caught.value)


def test_an_unknown_pool_lists_what_is_installed(app: KernelQ) -> None:
    with pytest.raises(DriverNotFound, match=r"no pool driver for 'fibers' \(installed: .*solo"):
        drivers.load("pool", "fibers")


def test_a_driver_of_a_disabled_plugin_is_not_found_and_says_whose_it_is() -> None:
    app = KernelQ("proj", broker="memory://", disable_plugins=["broker_memory"], set_as_current=False)

    with pytest.raises(DriverNotFound, match="'memory' belongs to the plugin 'broker_memory', which is disabled"):
        app.broker  # noqa: B018


def test_a_driver_that_misses_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*args: Any, **options: Any) -> None:
        raise ImportError("No module named 'sqlalchemy'")

    monkeypatch.setattr(stevedore, "DriverManager", missing)

    with pytest.raises(
        DriverNotFound, match=r"the broker driver 'sqlite' needs a library .*; try: pip install 'kernelq\[sqlite\]'"
    ):
        drivers.load("broker", "sqlite")


def test_two_distributions_that_offer_one_driver_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(*args: Any, **options: Any) -> None:
        raise MultipleMatches("two")

    monkeypatch.setattr(stevedore, "DriverManager", twice)

    with pytest.raises(PluginConflict, match="two distributions offer the broker driver 'sqlite'; uninstall one"):
        drivers.load("broker", "sqlite")


def test_a_stranger_s_driver_belongs_to_its_top_package() -> None:
    assert drivers.plugin_of(EntryPoint("kafka", "kafka_for_kernelq.broker:Kafka", "kernelq.brokers")) == (
        "kafka_for_kernelq"
    )


def test_the_library_behind_a_scheme_does_not_pick_the_driver() -> None:
    with pytest.raises(DriverNotFound, match="no broker driver for 'kafka'"):
        drivers.load_for_url("broker", "KAFKA+confluent://host")


@pytest.mark.parametrize("kind", ["engine", "broker", "backend"])
def test_a_plugin_may_bring_a_driver_by_a_hook(kind: str) -> None:
    made = SimpleNamespace()

    class Brings:
        @hookimpl
        def make_engine(self, url: str) -> Any:
            return made if url.startswith("dog:") else None

        @hookimpl
        def make_broker(self, app: KernelQ, url: str) -> Any:
            return made if url.startswith("dog:") else None

        make_backend = make_broker

    app = KernelQ("proj", broker="dog://", backend="dog://", set_as_current=False)
    app.register_plugin(Brings())

    found = app.engine("dog://") if kind == "engine" else getattr(app, kind)

    assert found is made


def test_a_plugin_may_bring_a_serializer(app: KernelQ) -> None:
    class Upper:
        content_type = "text/upper"

    class Brings:
        @hookimpl
        def make_serializer(self, name: str) -> Any:
            return Upper() if name in ("upper", "text/upper") else None

    app.register_plugin(Brings())

    assert app.serializer("upper") is app.serializer("text/upper")


def test_a_serializer_is_found_by_name_and_by_content_type(app: KernelQ) -> None:
    assert app.serializer("json") is app.serializer("application/json")


@pytest.mark.parametrize("name", ["cbor", "application/cbor"])
def test_an_unknown_serializer_lists_what_is_installed(app: KernelQ, name: str) -> None:
    with pytest.raises(DriverNotFound, match=rf"no serializer .*'{name}' \(installed: .*json|no serializer driver"):
        app.serializer(name)


def test_a_misspelt_scheme_is_answered_with_the_nearest() -> None:
    app = KernelQ("proj", broker="reddis://localhost", set_as_current=False)

    with pytest.raises(DriverNotFound, match=r"no broker driver for 'reddis' .*; did you mean 'redis'\?"):
        app.broker  # noqa: B018
