"""Private servers for every test that asks for one; each is started once, by the first test that needs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from servers import MariaServer, PostgresServer, RabbitServer, RedisServer


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis; share it by giving each test a key prefix or an emptied database."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def rabbit_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitServer]:
    """A RabbitMQ; share it by giving each test a virtual host of its own."""
    with RabbitServer(tmp_path_factory.mktemp("rabbit")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL; share it by `fresh` databases."""
    with PostgresServer(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def maria_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaServer]:
    """A MariaDB; share it by `fresh` databases."""
    with MariaServer(tmp_path_factory.mktemp("maria")) as server:
        yield server
