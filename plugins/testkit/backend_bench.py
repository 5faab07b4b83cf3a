"""The bench a result backend is tested on: its app and the backend, made and closed for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from kernelq import KernelQ
from kernelq.contracts import Backend, Capabilities

from .behaviour import skip_unless_able


class BackendBench:
    """What a subclass says about its backend, and the fixtures made of it."""

    url: ClassVar[str] = ""
    """The URL of an engine that is empty for every test; or override `make_url`."""
    capabilities: ClassVar[Capabilities] = Capabilities(durable=True, processes=True)
    """What the backend's engine can do."""

    def make_url(self, folder: Path) -> str:
        """The URL of an empty engine; `folder` is an empty directory to keep it in."""
        assert self.url, f"{type(self).__name__} says neither `url` nor `make_url`"
        return self.url

    def make_app(self, url: str) -> KernelQ:
        """The app whose backend is tested."""
        return KernelQ("conformance", broker=url, backend=url, set_as_current=False)

    @pytest.fixture
    def app(self, tmp_path: Path) -> Iterator[KernelQ]:
        with self.make_app(self.make_url(tmp_path)) as app:
            yield app

    @pytest.fixture
    def backend(self, app: KernelQ) -> Backend:
        return app.backend

    @pytest.fixture(autouse=True)
    def _is_able(self, request: pytest.FixtureRequest) -> None:
        skip_unless_able(request.function, self.capabilities)
