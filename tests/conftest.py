"""Private servers for every test that asks for one; each is started once, by the first test that needs it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers import MariaServer, PostgresServer, RabbitServer, RedisServer


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is not pytest's: each run of pytest, one within a test too, makes its own private to its user."""
    place = Path(tempfile.mkdtemp(prefix="kernelq-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis; share it by giving each test a key prefix or an emptied database."""
    with folder() as place, RedisServer(place) as server:
        yield server


@pytest.fixture(scope="session")
def rabbit_server() -> Iterator[RabbitServer]:
    """A RabbitMQ; share it by giving each test a virtual host of its own."""
    with folder() as place, RabbitServer(place) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL; share it by `fresh` databases."""
    with folder() as place, PostgresServer(place) as server:
        yield server


@pytest.fixture(scope="session")
def maria_server() -> Iterator[MariaServer]:
    """A MariaDB; share it by `fresh` databases."""
    with folder() as place, MariaServer(place) as server:
        yield server
