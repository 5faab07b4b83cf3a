"""A yard for each test, on the engine it names by `engines.on`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.engines import KINDS, Ground
from faults.yard import Yard


@pytest.fixture
def engine() -> str:
    """The engine of a test that names none."""
    return "sqlite"


@pytest.fixture
def ground(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Ground:
    """See `Ground`."""
    kind = KINDS[engine]
    server = request.getfixturevalue(kind.fixture) if kind.fixture else None
    return kind.ground(engine, server, tmp_path)


@pytest.fixture
def yard(tmp_path: Path, ground: Ground) -> Iterator[Yard]:
    """See `Yard`."""
    yard = Yard(tmp_path, ground)
    yield yard
    yard.close()


ON_ALL = {"test_kills", "test_leases", "test_servers"}
"""What is tried on every engine each time. The rest is, on `SLOW` ones, run by ``-m soak``: it takes minutes."""

SLOW = {"amqp", "postgresql"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out of the quick run what takes long on slow engines."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        if item.path.parent != Path(__file__).parent or callspec is None or item.path.stem in ON_ALL:
            continue
        if callspec.params.get("engine") in SLOW:
            item.add_marker(pytest.mark.soak)
