"""Private servers for every test that asks for one; each is started once, by the first test that needs it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from servers import MariaServer, PostgresServer, RabbitServer, RedisServer

# Nobody's machine is at fault for being slow: the defaults allow 200 ms for an example, and some seconds to draw the first.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

MEMORY = Path("/dev/shm")
"""Where Linux keeps files in memory."""

ROOM = 4 * 1024**3
"""Bytes that must be free there: a container's default of 64 MiB is soon full."""


def in_memory() -> Path | None:
    """Where servers are to keep their files when there is room: a hundred tests' databases then wait for no disk.

    A server killed and started again finds its files there as on a disk.
    """
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM else None


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is not pytest's: each run of pytest, one within a test too, makes its own private to its user."""
    place = Path(tempfile.mkdtemp(prefix="kernelq-", dir=in_memory()))
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
