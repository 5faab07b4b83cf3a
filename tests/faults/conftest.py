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
