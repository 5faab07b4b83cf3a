"""The bench a store of any kind is tested on: its app and the store, made and closed for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from kernelq import KernelQ
from kernelq.contracts import Broker, Capabilities

from .behaviour import skip_unless_able


class StoreBench:
    """What a subclass says about its store, and the fixtures made of it."""

    url: ClassVar[str] = ""
    """The URL of an engine that is empty for every test; or override `make_url`."""
    capabilities: ClassVar[Capabilities] = Capabilities(durable=True, processes=True, leases=True, transactions=True)
    """What the store's engine can do."""

    def make_url(self, folder: Path) -> str:
        """The URL of an empty engine; `folder` is an empty directory to keep it in."""
        assert self.url, f"{type(self).__name__} says neither `url` nor `make_url`"
        return self.url

    def make_app(self, url: str) -> KernelQ:
        """The app whose store is tested; its broker, at the same URL, settles what changes the store."""
        return KernelQ("conformance", broker=url, backend=url, set_as_current=False)

    def make_store(self, app: KernelQ) -> Any:
        """The store that is tested: the driver for the URL of the app's broker."""
        raise NotImplementedError

    @pytest.fixture
    def app(self, tmp_path: Path) -> Iterator[KernelQ]:
        with self.make_app(self.make_url(tmp_path)) as app:
            yield app

    @pytest.fixture
    def store(self, app: KernelQ) -> Iterator[Any]:
        store = self.make_store(app)
        yield store
        store.close()

    @pytest.fixture
    def broker(self, app: KernelQ) -> Broker:
        return app.broker

    @pytest.fixture(autouse=True)
    def _is_able(self, request: pytest.FixtureRequest) -> None:
        skip_unless_able(request.function, self.capabilities)
